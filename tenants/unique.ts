/** What may be there only once in a registry. */
import {
  awsName,
  kubernetesNames,
  neo4jNames,
  poolTenantId,
  postgresNames,
  redisNames,
  storageNames,
} from "../components/naming.ts";
import { type Fault, type FaultText, type Spot, faultAt, quote } from "./faults.ts";
import { type TenantLayer, spotOf } from "./layers.ts";

/**
 * Two tenants with the same external id, or with the same `tenant_id` out of it, would share rows of tables that carry it:
 * a uuid has no case, and may be the one that stands for an id of another form.
 */
export function externalIdFaults(tenants: readonly TenantLayer[]): Fault[] {
  const first = new Map<string, TenantLayer>();
  const faults: Fault[] = [];
  for (const tenant of tenants) {
    const id = tenant.values.externalId;
    if (id === undefined) continue;
    const key = poolTenantId(id);
    const other = first.get(key);
    if (other === undefined) {
      first.set(key, tenant);
      continue;
    }
    const theirs = other.values.externalId ?? "";
    const isSame = theirs.toLowerCase() === id.toLowerCase();
    const place = where(spotOf(other, ["externalId"]));
    faults.push(
      faultAt(spotOf(tenant, ["externalId"]), `${tenant.path}.externalId`, {
        message: isSame
          ? "another tenant has the same external id"
          : `its rows in a pool would carry the tenant_id of another tenant's, ${key}`,
        found: isSame
          ? `${quote(id)}, also of tenant ${quote(other.id)} (${place})`
          : `${quote(id)}, and ${quote(theirs)} of tenant ${quote(other.id)} (${place})`,
        allowed: "an external id that no other tenant has",
        fix: "write this tenant's own external id",
      }),
    );
  }
  return faults;
}

/** Ids are lower case anyway; two that differ only by case are one place in stores that fold it. */
export function caseFaults(keys: readonly { id: string; at: Spot; path: string }[]): Fault[] {
  const first = new Map<string, { id: string; at: Spot }>();
  const faults: Fault[] = [];
  for (const { id, at, path } of keys) {
    const other = first.get(id.toLowerCase());
    if (other === undefined) first.set(id.toLowerCase(), { id, at });
    else if (other.id !== id) {
      faults.push(
        faultAt(at, path, {
          message: `the id differs from ${quote(other.id)} only by case`,
          found: `${quote(id)}, and ${quote(other.id)} at ${where(other.at)}`,
          allowed: "ids that differ by more than case",
          fix: "remove one of the two, or give it another id",
        }),
      );
    }
  }
  return faults;
}

export interface Named {
  readonly id: string;
  readonly prefix: string;
  readonly at: Spot;
  readonly path: string;
}

/** Physical names of one tenant, by the space that they have to be unique in. */
export function physicalNames({
  prefix,
  id,
}: {
  prefix: string;
  id: string;
}): Readonly<Record<string, readonly string[]>> {
  const { schema, ownerRole, appRole, readOnlyRole } = postgresNames(prefix, id);
  const storage = storageNames(prefix, id);
  return {
    // One space for schemas and roles: "$user" in a search_path makes a role's name the name of a schema.
    "PostgreSQL schema or role": [schema, ownerRole, appRole, readOnlyRole],
    "Redis user": [redisNames(prefix, id).username],
    "storage prefix": [storage.prefix],
    "IAM user": [storage.username],
    "Neo4j database": [neo4jNames(prefix, id).database],
    "Kubernetes namespace": [kubernetesNames(prefix, id).namespace],
    "name on AWS": [awsName(prefix, id, 63), awsName(prefix, id, 40)].filter(
      (name, at, all) => all.indexOf(name) === at,
    ),
  };
}

/**
 * Names that two tenants share. By construction there is none but for equal digests of names that are cut, and for a
 * prefix like `a_b` with the id `app` beside the prefix `a` with the id `b`.
 */
export function nameFaults(tenants: readonly Named[], names: typeof physicalNames = physicalNames): Fault[] {
  const first = new Map<string, Named>();
  const faults: Fault[] = [];
  for (const tenant of tenants) {
    for (const [kind, list] of Object.entries(names(tenant))) {
      for (const name of list) {
        const key = `${kind} ${name}`;
        const other = first.get(key);
        if (other === undefined) {
          first.set(key, tenant);
          continue;
        }
        faults.push(faultAt(tenant.at, tenant.path, collision(kind, name, other)));
      }
    }
  }
  return faults;
}

function collision(kind: string, name: string, other: Named): FaultText {
  return {
    message: `its physical name would be the one of another tenant's`,
    found: `${kind} ${quote(name)}, also of tenant ${quote(other.id)} (${where(other.at)})`,
    allowed: "physical names that no other tenant has",
    fix: "give the newer tenant another id, or its profile another prefix",
  };
}

export function where(spot: Spot): string {
  const { line, column } = spot.source.place(spot.offset);
  return `${spot.source.file}:${line}:${column}`;
}
