/** Where tenants lie: whether the platform's servers can carry them, by kind, region and capacity. */
import type { StoreName } from "../provider/inputs.ts";
import { storeNames } from "../provider/inputs.ts";
import { type FaultText, quote } from "./faults.ts";
import { type TenantLayer, nodeAt } from "./layers.ts";
import type { TenantRecord } from "./resolve.ts";
import type { Tell } from "./written.ts";

/** Kinds of servers of each store; what a kind is, is told in docs/platform.md. */
export const serverKinds = {
  postgres: ["server", "cloudnativepg", "rds"],
  redis: ["nodes", "elasticache", "memorydb"],
  storage: ["s3", "filesystem", "aws"],
  neo4j: ["server", "instances", "kubernetes"],
} as const satisfies Readonly<Record<StoreName, readonly string[]>>;

/** What the registry is checked against of a server of the platform. */
export interface ServerInfo {
  readonly name: string;
  readonly kind: string;
  /** Where its data lies; left out: tenants of every region are welcome. */
  readonly region?: string;
  /** How many tenants it takes at most; left out: no limit of the platform's own. */
  readonly capacity?: number;
}

export type Servers = Readonly<Record<StoreName, readonly ServerInfo[]>>;

/** A tenant with the place that it is written at. */
export interface Placed {
  readonly record: TenantRecord;
  readonly layer: TenantLayer;
}

/** Settings of `silo` that a server of the kind has no use for. */
const unused: Readonly<Record<string, readonly string[]>> = {
  server: [
    ...["storageSize", "storageClass", "replicas", "cpu", "memory", "instanceClass", "backup"],
    ...["dedicatedNodes", "domain", "recoverFrom", "encryptionKey", "quota"],
  ],
  cloudnativepg: ["instanceClass", "encryptionKey"],
  rds: ["storageClass", "cpu", "memory", "dedicatedNodes", "quota"],
};

/** Tells what only the whole registry and the platform together show. */
export function checkPlacement(placed: readonly Placed[], servers: Servers, tell: Tell): void {
  const byStore = new Map(storeNames.map((store) => [store, new Map(servers[store].map((one) => [one.name, one]))]));
  const used = new Map<ServerInfo, number>();
  for (const { record, layer } of placed) {
    for (const store of record.stores) {
      const server = byStore.get(store)?.get(record.placement[store] ?? "");
      // A name that is unknown was told where it is written.
      if (server === undefined) continue;
      const count = (used.get(server) ?? 0) + 1;
      used.set(server, count);
      const keys = ["placement", store];
      for (const text of serverFaults(record, store, server, count)) tell(layer, keys, text);
      if (store === "postgres" && record.silo !== undefined) checkUnused(layer, server, tell);
    }
  }
  checkRecoveries(placed, tell);
}

function* serverFaults(
  record: TenantRecord,
  store: StoreName,
  server: ServerInfo,
  count: number,
): Generator<FaultText> {
  const found = `${quote(server.name)}, which is of the kind ${server.kind}`;
  if (server.region !== undefined && server.region !== record.region) {
    yield {
      message: `the tenant's data belongs to the region ${quote(record.region)}, and this ${store} server lies elsewhere`,
      found: `${quote(server.name)} in ${quote(server.region)}`,
      allowed: `a ${store} server in ${quote(record.region)}`,
      fix: "name a server of the tenant's region; of a tenant that lives the region is never changed",
    };
  }
  // Of a pool it is told where the pool names the server.
  if (store === "postgres" && record.tier === "bridge" && server.kind !== "server") {
    yield {
      message: `the tier ${record.tier} needs a shared server, and this one makes a database for each tenant`,
      found,
      allowed: "a server of the kind server",
      fix: "write tier: silo, or name a shared server",
    };
  }
  if (server.capacity !== undefined && count === server.capacity + 1) {
    yield {
      message: `the ${store} server is full: the platform gives it ${server.capacity} tenants`,
      found: `${quote(server.name)} with more than ${server.capacity} tenants`,
      allowed: `at most ${server.capacity} tenants on it`,
      fix: "place new tenants on another server, or raise its capacity in the platform's configuration",
    };
  }
}

/** Only what the record says itself: a profile's settings may be meant for tenants on servers of several kinds. */
function checkUnused(layer: TenantLayer, server: ServerInfo, tell: Tell): void {
  const written = nodeAt(layer.node, ["silo"]);
  if (written?.kind !== "map") return;
  for (const key of unused[server.kind] ?? []) {
    if (!written.entries.has(key)) continue;
    tell(layer, ["silo", key], {
      message: `a server of the kind ${server.kind} has no use for this setting`,
      found: `${quote(key)}, and placement.postgres: ${server.name}`,
      allowed: Object.keys(unused)
        .filter((kind) => unused[kind]?.includes(key) !== true)
        .map((kind) => `${quote(key)} with a server of the kind ${kind}`)
        .join(", "),
      fix: "remove it, or place the tenant on such a server",
    });
  }
}

function checkRecoveries(placed: readonly Placed[], tell: Tell): void {
  const byId = new Map(placed.map(({ record }) => [record.id, record]));
  for (const { record, layer } of placed) {
    const source = record.silo?.recoverFrom?.tenant;
    if (source === undefined) continue;
    const other = byId.get(source);
    if (source === record.id || other?.silo === undefined || other.placement.postgres !== record.placement.postgres) {
      tell(layer, ["silo", "recoverFrom", "tenant"], {
        message: `there are no backups of ${quote(source)} that this tenant could be recovered from`,
        found: quote(source),
        allowed: "another tenant of the tier silo on the same server of PostgreSQL",
        fix: "name the tenant whose backups are to be read; it stays as it is",
      });
    }
  }
}
