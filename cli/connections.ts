/** What the stack's outputs tell of each tenant, checked: the form that `components/tenant.ts` exports. */
import { z } from "zod";
import type { Engine } from "./engine.ts";
import { UserError } from "./user-error.ts";

const caFile = z.string().optional();

const connectionsSchema = z.object({
  tier: z.string(),
  state: z.string(),
  postgres: z
    .object({
      host: z.string(),
      port: z.number(),
      database: z.string(),
      user: z.string(),
      /** None where logins go by IAM. */
      password: z.string().optional(),
      readOnlyUser: z.string(),
      readOnlyPassword: z.string().optional(),
      schema: z.string(),
      /** Only of a tenant in a pool. */
      tenantId: z.string().optional(),
      caFile,
      ca: z.string().optional(),
      pooler: z.object({ host: z.string(), port: z.number() }).optional(),
    })
    .optional(),
  redis: z
    .object({
      host: z.string(),
      port: z.number(),
      username: z.string(),
      password: z.string(),
      keyPrefix: z.string(),
      defaultTtlSeconds: z.number(),
      caFile,
    })
    .optional(),
  storage: z
    .union([
      z.object({
        endpoint: z.string(),
        bucket: z.string(),
        prefix: z.string(),
        accessKeyId: z.string(),
        secretAccessKey: z.string(),
        region: z.string(),
        caFile,
      }),
      z.object({
        access: z.string(),
        region: z.string(),
        bucket: z.string(),
        prefix: z.string(),
        roleArn: z.string().optional(),
        sessionTags: z
          .object({ tenant: z.string(), tenantPrefix: z.string(), kmsKeyArn: z.string().optional() })
          .optional(),
        accessPointAlias: z.string().optional(),
        grantTarget: z.string().optional(),
        kmsKeyArn: z.string(),
      }),
      z.object({ root: z.string(), prefix: z.string() }),
    ])
    .optional(),
  neo4j: z
    .object({
      uri: z.string(),
      database: z.string(),
      username: z.string(),
      password: z.string(),
      caFile,
      ca: z.string().optional(),
    })
    .optional(),
});

export type Connections = z.infer<typeof connectionsSchema>;
export type PostgresConnection = NonNullable<Connections["postgres"]>;
export type RedisConnection = NonNullable<Connections["redis"]>;
export type StorageConnection = NonNullable<Connections["storage"]>;
export type Neo4jConnection = NonNullable<Connections["neo4j"]>;

/** @throws UserError when the stack has not been updated yet, or an update did not get to its end. */
export async function tenantConnections(engine: Engine): Promise<ReadonlyMap<string, Connections>> {
  const { tenants } = await engine.outputs();
  if (tenants === undefined) {
    throw new UserError("the stack has no outputs yet: run `npm run up` to its end first.");
  }
  const parsed = z.record(z.string(), connectionsSchema).safeParse(tenants);
  if (!parsed.success) {
    const places = [...new Set(parsed.error.issues.map(({ path }) => path.join(".")))];
    throw new UserError(
      `the stack's outputs are not complete (${places.slice(0, 5).join(", ")}): ` +
        `the last update did not get to its end. Run \`npm run up\` again.`,
    );
  }
  return new Map(Object.entries(parsed.data));
}
