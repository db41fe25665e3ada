/** How the stack reaches the embedded servers. */
import { readFile } from "node:fs/promises";
import { platformSchema, type Platform } from "../../provider/config.ts";
import { privateFolder, writePrivate } from "./files.ts";
import { postgresAdmin } from "./postgres.ts";
import { bucket, region } from "./seaweedfs.ts";
import { paths, type State } from "./state.ts";
import { valkeyAdmin } from "./valkey.ts";

/** The login that the Baseline makes with the superuser's rights. */
const provisioner = "tenancy_provisioner";
/** The trusted login for applications, which the Baseline makes too. */
const application = "tenancy_application";
const database = "tenants";

/**
 * Writes `platform.json`, whose servers name the file of their authority, and returns the same with its text.
 *
 * @param neo4jUnavailable - why instances cannot be had on this machine: then tenants go without
 */
export async function writePlatform(dir: string, state: State, neo4jUnavailable?: string): Promise<Platform> {
  await privateFolder(paths(dir).files);
  const caFile = paths(dir).caCertificate;
  const all = servers(dir, state, { caFile });
  const main = { ...all.neo4j.main, ...(neo4jUnavailable === undefined ? {} : { unavailable: neo4jUnavailable }) };
  await writePrivate(paths(dir).platform, `${JSON.stringify({ ...all, neo4j: { main } }, null, 2)}\n`);
  return readPlatform(dir, state);
}

export async function readPlatform(dir: string, state: State): Promise<Platform> {
  const ca = await readFile(paths(dir).caCertificate, "utf8");
  return platformSchema.parse(servers(dir, state, { ca }));
}

function servers(dir: string, state: State, trust: { readonly ca: string } | { readonly caFile: string }) {
  const { ports, secrets, services } = state;
  const host = "127.0.0.1";
  const nodes = (["redis-1", "redis-2"] as const).filter((name) => services.includes(name));
  return {
    postgres: {
      main: {
        host,
        port: ports.postgres,
        database,
        admin: { user: postgresAdmin, password: secrets.postgresAdmin },
        provisioner: { user: provisioner, password: secrets.postgresProvisioner },
        application: { user: application, password: secrets.postgresApplication },
        ...trust,
      },
    },
    redis: {
      main: {
        nodes: nodes.map((name) => ({ host, port: ports[name] })),
        username: valkeyAdmin,
        password: secrets.redisAdmin,
        ...trust,
      },
    },
    storage: {
      main: {
        kind: "s3",
        endpoint: `https://${host}:${ports.s3}`,
        region,
        bucket,
        accessKeyId: secrets.s3AccessKeyId,
        secretAccessKey: secrets.s3SecretAccessKey,
        ...trust,
      },
      files: { kind: "filesystem", root: paths(dir).files },
    },
    neo4j: {
      main: {
        kind: "instances",
        endpoint: `https://${host}:${ports["neo4j-api"]}`,
        token: secrets.neo4jApi,
        ...trust,
      },
    },
  };
}
