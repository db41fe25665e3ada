/**
 * What a template's tables have to be so that tenants can share them. Looked at in the catalogue after the files ran, in
 * their transaction: what breaks a rule is refused, all of it in one message.
 */
import type { PoolCatalogue, PoolIndex, PoolKey, PoolTable } from "./pool-live.ts";
import { loginsTable, membersTable, poolFunctions, type PoolPlace } from "./pool-sql.ts";

/** Access methods whose indexes have no first column that a search begins with. */
const unordered = ["gin", "hnsw", "ivfflat"];
/** Of vectors in a pool: the tool's own, one a tenant, with the tenant in the predicate. */
const ownIndex = "tenancy_hnsw_";

export function poolFaults(catalogue: PoolCatalogue, place: Pick<PoolPlace, "schema">): string[] {
  const tables = catalogue.tables.filter(({ name }) => name !== membersTable && name !== loginsTable);
  const names = new Set(tables.map(({ name }) => name));
  return [
    ...tables.flatMap(tableFaults),
    ...catalogue.indexes.filter(({ table }) => names.has(table)).flatMap(indexFaults),
    ...keyFaults(catalogue.keys.filter(({ table }) => names.has(table))),
    ...catalogue.views.flatMap(({ name, materialized, invoker }) => {
      if (materialized)
        return [`the materialized view ${name}: it would hold rows of all tenants, and has no policies`];
      return invoker
        ? []
        : [`the view ${name} reads past the policies: write CREATE VIEW ${name} WITH (security_invoker = true)`];
    }),
    ...routineFaults(catalogue, place),
    ...catalogue.rules.map(({ table, name }) => `the rule ${name} of ${table}: use a trigger`),
  ];
}

function tableFaults({ name, kind, parent, partition, tenantId }: PoolTable): string[] {
  if (kind === "foreign table") return [`the foreign table ${name}: it has no policies`];
  if (parent !== null && !partition) {
    return [`the table ${name} inherits from ${parent}: reading the parent would pass by its own policies`];
  }
  if (tenantId === null) {
    return [`the table ${name} has no column tenant_id: every table of a pool carries \`tenant_id uuid NOT NULL\``];
  }
  return tenantId.type === "uuid" && tenantId.required
    ? []
    : [
        `tenant_id of the table ${name} is ${tenantId.type}${tenantId.required ? "" : " and may be NULL"}, not uuid NOT NULL`,
      ];
}

function indexFaults({ table, name, method, unique, excludes, firstColumn, predicate }: PoolIndex): string[] {
  if (unique) {
    return firstColumn === "tenant_id"
      ? []
      : [
          `the unique key ${name} of the table ${table} does not begin with tenant_id: ` +
            `its error would tell whether another tenant has a value`,
        ];
  }
  if (excludes !== null) {
    return firstColumn === "tenant_id" && excludes === "="
      ? []
      : [`the exclusion constraint ${name} of the table ${table} does not begin with tenant_id WITH =`];
  }
  if (firstColumn === "tenant_id" || unordered.includes(method) || name.startsWith(ownIndex)) return [];
  if (predicate !== null && /\btenant_id = /.test(predicate)) return [];
  return [`the index ${name} of the table ${table} does not begin with tenant_id: no query of a tenant begins with it`];
}

function keyFaults(keys: readonly PoolKey[]): string[] {
  const cyclic = cycles(keys);
  return keys.flatMap((key) => {
    const { table, name, target, foreign, columns, targetColumns, onDelete, setColumns, deferrable } = key;
    const what = `the foreign key ${name} of the table ${table}`;
    if (foreign) return [`${what} points to ${target}, outside of the pool`];
    const place = columns.indexOf("tenant_id");
    const faults: string[] = [];
    if (place < 0 || targetColumns[place] !== "tenant_id") {
      faults.push(
        `${what} does not pair tenant_id with tenant_id: write ` +
          `FOREIGN KEY (tenant_id, …) REFERENCES ${target} (tenant_id, …), or it could point to another tenant's row`,
      );
    }
    const sets = onDelete === "SET NULL" || onDelete === "SET DEFAULT";
    if (sets && (setColumns.length === 0 || setColumns.includes("tenant_id"))) {
      faults.push(`${what} would change tenant_id: name the other columns, as in ON DELETE ${onDelete} (…)`);
    }
    const alone = onDelete === "CASCADE" || sets || (onDelete === "NO ACTION" && deferrable);
    if (cyclic.has(key) && !alone) {
      faults.push(
        `${what} is part of a circle and neither ON DELETE CASCADE nor NO ACTION DEFERRABLE: ` +
          `a tenant's rows could not be removed in parts`,
      );
    }
    return faults;
  });
}

/** Keys that lead back to their own table. */
function cycles(keys: readonly PoolKey[]): ReadonlySet<PoolKey> {
  const reaches = (from: string, to: string): boolean => {
    const seen = new Set<string>();
    const open = [from];
    for (let table = open.pop(); table !== undefined; table = open.pop()) {
      if (table === to) return true;
      if (seen.has(table)) continue;
      seen.add(table);
      open.push(...keys.filter((key) => key.table === table).map(({ target }) => target));
    }
    return false;
  };
  return new Set(keys.filter(({ table, target }) => reaches(target, table)));
}

function routineFaults({ routines }: PoolCatalogue, place: Pick<PoolPlace, "schema">): string[] {
  const own = new Set(poolFunctions(place).map(({ name, signature }) => `${name}(${signature})`));
  return routines
    .filter(({ signature, definer }) => definer && !own.has(signature))
    .map(({ signature }) => `the function ${signature} is SECURITY DEFINER: it would read past the policies`);
}
