/** The tenants of a stack as parties: names from the registry, logins from the stack's outputs, servers from the platform. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Connections } from "../cli/connections.ts";
import type { Project } from "../cli/project.ts";
import { neo4jNames, poolNames, postgresNames, redisNames, storageNames } from "../components/naming.ts";
import { parsePlatform, type PlatformConfig, PlatformError } from "../components/platform.ts";
import type { Platform } from "../provider/config.ts";
import { type StoreName, storeNames } from "../provider/inputs.ts";
import type { TenantRecord } from "../tenants/load.ts";
import type { Party, PoolPlace } from "./party.ts";
import { isEmbedded } from "./servers.ts";

/** Ports on 127.0.0.1 and folders of the development servers in a folder of services, for `isEmbedded`. */
export async function embeddedServers(dir: string): Promise<ReadonlySet<string>> {
  // Only loaded where it is used: nothing but development and tests depends on it.
  const { paths, readState } = await import("../dev/services/state.ts");
  // A damaged file makes the servers shared ones, on which less is tried.
  const state = await readState(dir).catch(() => undefined);
  if (state === undefined) return new Set();
  const { ports } = state;
  return new Set([
    `postgres:${ports.postgres}`,
    `redis:${ports["redis-1"]}`,
    `redis:${ports["redis-2"]}`,
    `storage:${ports.s3}`,
    `neo4j:${ports["neo4j-api"]}`,
    `storage:${paths(dir).files}`,
  ]);
}

/**
 * The platform's servers as the stack's configuration names them.
 *
 * @param config - by full key, in plain text
 * @throws PlatformError with all faults
 */
export function platformOf(config: Readonly<Record<string, string>>, project: Project): PlatformConfig {
  const file = config["tenancy:platformFile"];
  const inline = config["tenancy:platform"];
  if ((file === undefined) === (inline === undefined)) {
    throw new PlatformError(
      `stack ${project.stack}: its configuration must have one of tenancy:platform and tenancy:platformFile; ` +
        `it has ${file === undefined ? "none" : "both"}.`,
    );
  }
  if (inline !== undefined) return parsePlatform(json(inline, "tenancy:platform"), "tenancy:platform", project.dir);
  const path = resolve(project.dir, file ?? "");
  return parsePlatform(json(readText(path), path), path, dirname(path));
}

export interface Parties {
  /** Active tenants that are in the stack, sorted by id. */
  readonly parties: readonly Party[];
  /** Why a tenant is none of them, as a sentence. */
  readonly left: readonly { readonly id: string; readonly reason: string; readonly isFault: boolean }[];
}

/** @param live - what the stack's outputs tell of each tenant */
export function partiesOf(
  records: readonly TenantRecord[],
  live: ReadonlyMap<string, Connections>,
  platform: Pick<PlatformConfig, "servers" | "clouds">,
  embedded: ReadonlySet<string>,
): Parties {
  const parties: Party[] = [];
  const left: Parties["left"][number][] = [];
  const known = new Map(records.map((record) => [record.id, record]));
  const ids = [...new Set([...known.keys(), ...live.keys()])].sort();
  for (const id of ids) {
    const record = known.get(id);
    const connections = live.get(id);
    if (connections === undefined) {
      left.push({ id, reason: "is new in the registry and not in the stack yet", isFault: false });
    } else if (connections.state !== "active") {
      left.push({ id, reason: `is ${connections.state}: its logins are closed`, isFault: false });
    } else if (record === undefined) {
      left.push({
        id,
        reason: "is active in the stack and not in the registry: run `npm run up` first",
        isFault: true,
      });
    } else {
      const { party, faults, notes } = partyOf(record, connections, platform, embedded);
      parties.push(party);
      for (const reason of notes) left.push({ id, reason, isFault: false });
      for (const reason of faults) left.push({ id, reason, isFault: true });
    }
  }
  return { parties, left };
}

function partyOf(
  { id, prefix, placement, tier, postgres: settings }: TenantRecord,
  { postgres, redis, storage, neo4j }: Connections,
  { servers: platform, clouds }: Pick<PlatformConfig, "servers" | "clouds">,
  embedded: ReadonlySet<string>,
): { party: Party; faults: string[]; notes: string[] } {
  const faults: string[] = [];
  const notes: string[] = [];
  const missing = (store: StoreName): void => {
    const name = placement[store];
    const cloud = (clouds[store] as Readonly<Record<string, { kind: string } | undefined>>)[name ?? ""];
    if (cloud !== undefined) {
      notes.push(
        `has a server of its own in ${store} (${cloud.kind}): networks and accounts keep others out, which this command ` +
          `does not try (docs/verify.md)`,
      );
      return;
    }
    faults.push(
      name === undefined
        ? `has ${store} in the stack and not in the registry: run \`npm run up\` first`
        : `lies on the ${store} server "${name}", which the platform does not have`,
    );
  };
  const place = <S extends StoreName>(store: S) => {
    const name = placement[store] ?? "";
    const server = (platform[store] as Record<string, Platform[S][string] | undefined>)[name];
    if (server !== undefined) return { name, server, embedded: isEmbedded(embedded, store, server) };
    missing(store);
    return undefined;
  };
  const party: { -readonly [K in keyof Party]: Party[K] } = { id, canary: false };
  if (postgres !== undefined) {
    const { password, readOnlyPassword } = postgres;
    const at = place("postgres");
    const own = postgresNames(prefix, id);
    const inPool = poolPlaceOf(settings?.pool, postgres.tenantId);
    const names = inPool === undefined ? own : { ...own, ...inPool.shared };
    if (tier === "pool" && inPool === undefined) {
      faults.push("has no place in a pool in the stack: run `npm run up` first");
    }
    // Only a server of a cloud's has logins without passwords, and that one is none of the platform's.
    const logins = { names, password: password ?? "", readOnlyPassword: readOnlyPassword ?? "" };
    if (at !== undefined && tier === "silo") {
      const server = { ...at.server, database: names.schema };
      party.postgres = { ...at, ...logins, server, sharedDatabase: at.server.database };
    } else if (at !== undefined && (tier === "pool") === (inPool !== undefined)) {
      party.postgres = { ...at, ...logins, ...(inPool === undefined ? {} : { pool: inPool.place }) };
    }
  }
  if (redis !== undefined) {
    const at = place("redis");
    if (at !== undefined)
      party.redis = {
        ...at,
        names: redisNames(prefix, id, { cluster: at.server.topology === "cluster" }),
        password: redis.password,
      };
  }
  if (storage !== undefined) {
    const at = place("storage");
    const { accessKeyId, secretAccessKey } =
      "accessKeyId" in storage ? storage : { accessKeyId: "", secretAccessKey: "" };
    // A role of AWS opens the tenant's sessions, and the policies are held against an IAM simulator by the tests.
    if ("access" in storage) notes.push(`has its objects by ${storage.access} on AWS, which this command does not try`);
    else if (at !== undefined) party.storage = { ...at, names: storageNames(prefix, id), accessKeyId, secretAccessKey };
  }
  if (neo4j !== undefined) {
    const at = place("neo4j");
    const { uri, username, password } = neo4j;
    if (at !== undefined) party.neo4j = { ...at, names: neo4jNames(prefix, id), uri, username, password };
  }
  return { party, faults, notes };
}

/** @returns undefined for a tenant that is in no pool, by the registry or by the stack */
function poolPlaceOf(name: string | undefined, tenantId: string | undefined) {
  if (name === undefined || tenantId === undefined) return undefined;
  const { schema, ownerRole, appRole, readOnlyRole } = poolNames(name);
  const place: PoolPlace = { name, appGroup: appRole, readOnlyGroup: readOnlyRole, tenantId };
  return { shared: { schema, ownerRole }, place };
}

/** Every secret that a report must not show: of the platform's logins and of each party. */
export function secretsOf(platform: Platform, parties: readonly Party[]): string[] {
  return given([
    ...Object.values(platform.postgres).flatMap(({ admin, provisioner }) => [admin?.password, provisioner.password]),
    ...Object.values(platform.redis).map(({ password }) => password),
    ...Object.values(platform.storage).map((server) => (server.kind === "s3" ? server.secretAccessKey : undefined)),
    ...Object.values(platform.neo4j).map((server) => (server.kind === "server" ? server.password : server.token)),
    ...Object.values(platform.postgres).flatMap(({ resolver, application }) => [
      resolver?.password,
      application?.password,
    ]),
    ...parties.flatMap(partySecrets),
  ]);
}

export function partySecrets({ postgres, redis, storage, neo4j }: Party): string[] {
  const logins = [postgres?.password, postgres?.readOnlyPassword, redis?.password, neo4j?.password];
  return given([...logins, storage?.secretAccessKey]);
}

function given(secrets: readonly (string | undefined)[]): string[] {
  return secrets.filter((secret) => secret !== undefined && secret !== "") as string[];
}

/** The stores that a party has, of those asked for. */
export function storesOf(party: Party, wanted: readonly StoreName[]): StoreName[] {
  return storeNames.filter((store) => wanted.includes(store) && party[store] !== undefined);
}

function json(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new PlatformError(`${place} is not JSON.`);
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new PlatformError(`${path} cannot be read (${code}). For the embedded services run \`npm run dev\`.`);
  }
}
