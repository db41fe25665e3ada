import { Command } from "commander";
import { type Connections, tenantConnections } from "../connections.ts";
import { type EngineName, openEngine } from "../engines.ts";
import { openProject } from "../project.ts";
import { UserError } from "../user-error.ts";
import { engineOptions } from "./operations.ts";

interface Flags {
  readonly stack: string;
  readonly engine?: EngineName;
  readonly json?: boolean;
  readonly readOnly?: boolean;
}

/** `credentials <id>`: what an application of the tenant needs to connect. Prints secrets: that is its purpose. */
export function credentialsCommand(): Command {
  return engineOptions(
    new Command("credentials")
      .description("print what an application of a tenant needs to connect; this prints passwords")
      .argument("<id>", "the tenant's id")
      .option("--json", "as JSON")
      .option("--read-only", "the PostgreSQL login that only reads"),
  ).action(async (id: string, flags: Flags) => {
    const project = openProject(flags.stack);
    const engine = await openEngine(project, { wanted: flags.engine, progress: () => undefined });
    const all = await tenantConnections(engine);
    const tenant = all.get(id);
    if (tenant === undefined) {
      throw new UserError(
        `tenant ${JSON.stringify(id)} is not in stack ${project.stack}; it has ${[...all.keys()].join(", ") || "no tenant"}. ` +
          `A tenant new in the registry gets its credentials with \`npm run up\`.`,
      );
    }
    const credentials = credentialsOf(tenant, flags.readOnly === true);
    console.log(flags.json === true ? JSON.stringify(credentials, null, 2) : credentialText(id, tenant, credentials));
  });
}

export interface Credentials {
  readonly postgres?: {
    readonly host: string;
    readonly port: number;
    readonly database: string;
    readonly user: string;
    /** None where logins go by IAM. */
    readonly password?: string | undefined;
    readonly schema: string;
    /** Only of a tenant in a pool. */
    readonly tenantId?: string | undefined;
    readonly caFile?: string | undefined;
    readonly ca?: string | undefined;
    readonly pooler?: { readonly host: string; readonly port: number } | undefined;
  };
  readonly redis?: Connections["redis"];
  readonly storage?: Connections["storage"];
  readonly neo4j?: Connections["neo4j"];
}

export function credentialsOf({ postgres, redis, storage, neo4j }: Connections, readOnly: boolean): Credentials {
  const credentials: Credentials = { redis, storage, neo4j };
  if (postgres === undefined) return credentials;
  const { readOnlyUser, readOnlyPassword, user, password, host, port, database, schema } = postgres;
  const { caFile, ca, pooler, tenantId } = postgres;
  const login = readOnly ? { user: readOnlyUser, password: readOnlyPassword } : { user, password };
  return { postgres: { host, port, database, ...login, schema, tenantId, caFile, ca, pooler }, ...credentials };
}

/** Lines for a shell, so that each store's own client can be tried at once. */
function credentialText(id: string, tenant: Connections, { postgres, redis, storage, neo4j }: Credentials): string {
  const lines = [`# tenant ${id} (${tenant.tier}, ${tenant.state})`];
  if (postgres !== undefined) {
    lines.push(
      "",
      "# PostgreSQL: then `psql`",
      variable("PGHOST", postgres.host),
      variable("PGPORT", String(postgres.port)),
      variable("PGDATABASE", postgres.database),
      variable("PGUSER", postgres.user),
      ...(postgres.password === undefined
        ? ["# PGPASSWORD: a token of IAM, as `aws rds generate-db-auth-token` prints it"]
        : [variable("PGPASSWORD", postgres.password)]),
      variable("PGSSLMODE", "verify-full"),
      ...authority("PGSSLROOTCERT", postgres),
      ...(postgres.tenantId === undefined ? [] : [`# tenant_id of its rows: ${postgres.tenantId}`]),
      ...(postgres.pooler === undefined ? [] : [`# pooler: ${postgres.pooler.host}:${postgres.pooler.port}`]),
    );
  }
  if (redis !== undefined) {
    lines.push(
      "",
      `# Redis: keys and channels begin with ${redis.keyPrefix}; then \`redis-cli --tls${redis.caFile === undefined ? "" : ' --cacert "$REDIS_CA_FILE"'} --user "$REDIS_USER" -h "$REDIS_HOST" -p "$REDIS_PORT"\``,
      variable("REDIS_HOST", redis.host),
      variable("REDIS_PORT", String(redis.port)),
      variable("REDIS_USER", redis.username),
      variable("REDISCLI_AUTH", redis.password),
      ...(redis.caFile === undefined ? [] : [variable("REDIS_CA_FILE", redis.caFile)]),
    );
  }
  if (storage !== undefined && "endpoint" in storage) {
    lines.push(
      "",
      `# object storage: then \`aws s3 ls s3://${storage.bucket}/${storage.prefix}\``,
      variable("AWS_ENDPOINT_URL", storage.endpoint),
      variable("AWS_REGION", storage.region),
      variable("AWS_ACCESS_KEY_ID", storage.accessKeyId),
      variable("AWS_SECRET_ACCESS_KEY", storage.secretAccessKey),
      ...(storage.caFile === undefined ? [] : [variable("AWS_CA_BUNDLE", storage.caFile)]),
    );
  } else if (storage !== undefined && "access" in storage) {
    lines.push(
      "",
      `# object storage: access by ${storage.access}; docs/aws-storage.md tells how a session is opened`,
      variable("AWS_REGION", storage.region),
      variable("STORAGE_BUCKET", storage.accessPointAlias ?? storage.bucket),
      variable("STORAGE_PREFIX", storage.prefix),
      ...(storage.roleArn === undefined ? [] : [variable("STORAGE_ROLE_ARN", storage.roleArn)]),
    );
  } else if (storage !== undefined) {
    lines.push("", "# files", variable("STORAGE_ROOT", `${storage.root}/${storage.prefix}`));
  }
  if (neo4j !== undefined) {
    lines.push(
      "",
      "# Neo4j: then `cypher-shell`",
      variable("NEO4J_URI", neo4j.uri),
      variable("NEO4J_DATABASE", neo4j.database),
      variable("NEO4J_USERNAME", neo4j.username),
      variable("NEO4J_PASSWORD", neo4j.password),
      ...authority("NEO4J_CA_FILE", neo4j),
    );
  }
  return lines.join("\n");
}

function authority(name: string, { caFile, ca }: { caFile?: string | undefined; ca?: string | undefined }): string[] {
  if (caFile !== undefined) return [variable(name, caFile)];
  return ca === undefined ? [] : [`# ${name}: a file with the text of \`ca\` that --json prints`];
}

function variable(name: string, value: string): string {
  return `export ${name}='${value.replaceAll("'", `'\\''`)}'`;
}
