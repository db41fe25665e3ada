/** Everything of one `tenancy drift`: places, servers and orphans, as far as tenants and stores were chosen. */
import { canaryPrefix } from "../components/naming.ts";
import type { Platform } from "../provider/config.ts";
import { createHandlers } from "../provider/handlers.ts";
import { ProviderError } from "../provider/handler.ts";
import { type RosterInputs, type StoreName, storeNames } from "../provider/inputs.ts";
import type { Origin } from "../provider/postgres/catalogue.ts";
import { type DriftReport, type PlaceDrift, readDrift } from "./drift.ts";
import { crossSchema } from "./drift-postgres.ts";
import { bucketFindings, redisServerFindings } from "./drift-servers.ts";
import type { DriftState, StateResource } from "./drift-state.ts";
import type { KnownTenant, Orphan, OrphanList } from "./orphans/orphan.ts";
import { neo4jOrphans } from "./orphans/neo4j.ts";
import { postgresOrphans } from "./orphans/postgres.ts";
import { redisOrphans } from "./orphans/redis.ts";
import { storageOrphans } from "./orphans/storage.ts";

export interface CollectOptions {
  readonly platform: Platform;
  readonly state: DriftState;
  /** Tenants that the registry has, whether they are in the stack yet or not. */
  readonly records: readonly (KnownTenant & { readonly placement: Readonly<Partial<Record<StoreName, string>>> })[];
  readonly origin: Origin;
  readonly projectDir: string;
  /** Absolute path of the templates. */
  readonly templates: string;
  /** Only these; servers and orphans are left out then. */
  readonly tenants?: readonly string[];
  readonly stores?: readonly StoreName[];
  readonly signal?: AbortSignal;
  readonly onRead?: () => void;
}

/** The places that the choice of tenants and stores leaves. */
export function chosenPlaces({ state, tenants, stores }: CollectOptions): StateResource[] {
  return state.resources.filter(
    ({ tenant, store }) =>
      (tenants === undefined || (tenant !== undefined && tenants.includes(tenant))) &&
      (stores === undefined || stores.some((chosen) => chosen === store)),
  );
}

export async function collectDrift(options: CollectOptions): Promise<DriftReport> {
  const { platform, state, projectDir, templates, tenants, signal, onRead } = options;
  const places = chosenPlaces(options);
  const handlers = createHandlers({ platform, projectDir, templates });
  let seen;
  try {
    seen = await readDrift(places, {
      handlers,
      ...(signal === undefined ? {} : { signal }),
      ...(onRead === undefined ? {} : { onRead }),
    });
  } finally {
    for (const handler of new Set(handlers.values())) await handler.close?.();
  }
  const whole = tenants === undefined;
  const servers = whole ? await lookAtServers(options) : undefined;
  return {
    read: places.length,
    drift: [...(servers?.drift ?? []), ...seen.drift],
    orphans: servers?.orphans ?? [],
    unknown: [...state.faults, ...seen.unknown, ...(servers?.unknown ?? [])],
    notes: servers?.notes ?? ["servers and orphans are looked at only without --tenant"],
  };
}

interface ServersSeen {
  readonly drift: PlaceDrift[];
  readonly orphans: Orphan[];
  readonly unknown: string[];
  readonly notes: string[];
}

async function lookAtServers(options: CollectOptions): Promise<ServersSeen> {
  const { platform, state, origin, signal, stores = storeNames } = options;
  const seen: ServersSeen = { drift: [], orphans: [], unknown: [], notes: [] };
  const known = knownTenants(options);
  const prefixes = [...new Set([...known.map(({ prefix }) => prefix), canaryPrefix])];
  const attempt = async (store: StoreName, server: string, what: string, look: () => Promise<void>): Promise<void> => {
    try {
      await look();
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      seen.unknown.push(`${store} server ${server}, ${what}: ${error.message}`);
    }
  };
  const orphansOf = (store: StoreName, name: string, find: () => Promise<OrphanList>) =>
    attempt(store, name, "orphans", async () => {
      const { orphans, incomplete } = await find();
      seen.orphans.push(...orphans);
      seen.unknown.push(...incomplete.map((sentence) => `${store} server ${name}: ${sentence}`));
    });
  const findingsOf = (store: StoreName, server: string, findings: PlaceDrift["findings"]) => {
    if (findings.length > 0) seen.drift.push({ tenant: undefined, store, server, place: server, findings });
  };
  const common = (store: StoreName, name: string) => ({
    name,
    tenants: known.filter(({ placement }) => placement[store] === name),
    prefixes,
    origin,
    ...(signal === undefined ? {} : { signal }),
  });
  for (const [name, server] of Object.entries(stores.includes("postgres") ? platform.postgres : {})) {
    const named = (wanted: string) =>
      state.resources.flatMap(({ type, server: at, name: schema }) => (type === wanted && at === name ? [schema] : []));
    const pools = named("tenancy:postgres:Pool");
    await orphansOf("postgres", name, () => postgresOrphans({ ...common("postgres", name), pools, server }));
    const schemas = [...named("tenancy:postgres:Schema"), ...pools];
    await attempt("postgres", name, "ties between schemas", async () => {
      const { findings, notes } = await crossSchema(name, server, schemas);
      findingsOf("postgres", name, findings);
      seen.notes.push(...notes);
    });
  }
  for (const [name, server] of Object.entries(stores.includes("redis") ? platform.redis : {})) {
    await orphansOf("redis", name, () => redisOrphans({ ...common("redis", name), server }));
    await attempt("redis", name, "the user default", async () => {
      findingsOf("redis", name, await redisServerFindings(server));
    });
  }
  for (const [name, server] of Object.entries(stores.includes("storage") ? platform.storage : {})) {
    await orphansOf("storage", name, () => storageOrphans({ ...common("storage", name), server }));
    if (server.kind !== "s3") continue;
    await attempt("storage", name, "the bucket", async () => {
      findingsOf("storage", name, await bucketFindings(server));
    });
  }
  for (const [name, server] of Object.entries(stores.includes("neo4j") ? platform.neo4j : {})) {
    await orphansOf("neo4j", name, () => neo4jOrphans({ ...common("neo4j", name), server }));
  }
  return seen;
}

/** By the registry and by the stack's state: the one may be ahead of the other. */
function knownTenants({ records, state }: CollectOptions): CollectOptions["records"] {
  const roster = state.resources.find(({ type }) => type === "tenancy:index:Roster");
  const entered = (roster?.outputs as Partial<RosterInputs> | undefined)?.tenants ?? {};
  const all = new Map(records.map((record) => [record.id, record]));
  for (const [id, { prefix, placement }] of Object.entries(entered)) all.set(id, { id, prefix, placement });
  return [...all.values()];
}
