/** The tables of a pool that hold tenants' rows, and a look at those of one tenant. */
import { ProviderError } from "../handler.ts";
import type { PoolTenantInputs } from "../inputs.ts";
import type { Session } from "./pool.ts";
import { auditTable, contextSql, loginsTable, membersTable, type PoolPlace, within } from "./pool-sql.ts";
import { literal } from "./quote.ts";
import { setRole } from "./script.ts";

/** A tenant in its pool. */
export type PoolTenantPlace = Pick<
  PoolTenantInputs,
  "tenant" | "tenantId" | "schema" | "ownerRole" | "poolAppRole" | "poolReadOnlyRole"
>;

export function placeOf({ schema, ownerRole, poolAppRole, poolReadOnlyRole }: PoolTenantPlace): PoolPlace {
  return { schema, ownerRole, appRole: poolAppRole, readOnlyRole: poolReadOnlyRole };
}

/** As the pool's owner, with nothing but the tenant's rows in sight, until the transaction ends. */
export function asOwnerOf(inputs: PoolTenantPlace): string {
  return `${setRole(inputs.ownerRole)} ${contextSql(placeOf(inputs), inputs.tenantId)}`;
}

export interface PoolTable {
  readonly name: string;
  /** Its rows are seen in the partitioned table as well. */
  readonly partition: boolean;
}

interface LiveTable extends PoolTable {
  /** Whether it has a column `tenant_id` that row-level security and a probe can go by. */
  readonly tenant: boolean;
  /** A materialized view or a foreign table holds rows that no policy is for. */
  readonly plain: boolean;
  /** Policies beside the tool's, which could hide rows from a probe. */
  readonly policies: readonly string[];
}

const tablesSql = `SELECT c.relname AS name, c.relispartition AS partition, c.relkind IN ('r', 'p') AS plain,
    EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'
      AND NOT a.attisdropped) AS tenant,
    (SELECT coalesce(json_agg(p.polname ORDER BY p.polname), '[]') FROM pg_catalog.pg_policy p
      WHERE p.polrelid = c.oid AND p.polname <> 'tenant_isolation') AS policies
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'm', 'f') AND c.relname <> ALL ($2) ORDER BY c.relname`;

/**
 * Every table of a pool's schema but the two of the tool, partitions and the audit included.
 *
 * @throws ProviderError where a table is of a kind in which nobody can say which rows are whose.
 */
export async function tablesOf(session: Session, inputs: PoolTenantPlace): Promise<PoolTable[]> {
  const rows = await session.query<LiveTable>(tablesSql, [inputs.schema, [membersTable, loginsTable]]);
  const faults = rows.flatMap(({ name, plain, tenant, policies }) => {
    if (!plain) return [`${name} is a materialized view or a foreign table`];
    if (!tenant) return [`${name} has no column tenant_id`];
    return policies.map((policy) => `${name} has the policy ${policy} beside tenant_isolation, which may hide rows`);
  });
  if (faults.length > 0) {
    throw new ProviderError(
      `tenant ${inputs.tenant}: nobody can say which rows of the pool's schema "${inputs.schema}" are the tenant's: ` +
        `${faults.join("; ")}. Remove what does not belong to the pool's template, and run the same command again.`,
    );
  }
  return rows.map(({ name, partition }) => ({ name, partition }));
}

/** How many rows of the tenant there are, the audit's left out. Run with `asOwnerOf`. */
export async function countRows(
  session: Session,
  inputs: PoolTenantPlace,
  tables: readonly PoolTable[],
): Promise<number> {
  const counted = tables.filter(({ name, partition }) => !partition && name !== auditTable);
  if (counted.length === 0) return 0;
  const counts = counted.map(
    ({ name }) => `(SELECT count(*) FROM ${within(inputs, name)} WHERE tenant_id = ${literal(inputs.tenantId)})`,
  );
  const [row] = await session.query<{ rows: string }>(`SELECT (${counts.join("\n + ")})::text AS rows`);
  return Number(row?.rows ?? 0);
}

/**
 * The first table with a row of the tenant; undefined where none has one. Run with `asOwnerOf`.
 *
 * @param but - rows that these transactions wrote do not count
 */
export async function tableWithRows(
  session: Session,
  inputs: PoolTenantPlace,
  tables: readonly PoolTable[],
  but: readonly string[] = [],
): Promise<string | undefined> {
  if (tables.length === 0) return undefined;
  const others = but.length === 0 ? "" : ` AND xmin::text NOT IN (${but.map(literal).join(", ")})`;
  const probes = tables.map(
    ({ name }) =>
      `SELECT ${literal(name)} AS name WHERE EXISTS ` +
      `(SELECT FROM ${within(inputs, name)} WHERE tenant_id = ${literal(inputs.tenantId)}${others})`,
  );
  const [found] = await session.query<{ name: string }>(`${probes.join("\nUNION ALL ")} LIMIT 1`);
  return found?.name;
}

/** Tables whose rows go together: one, or those of a circle of foreign keys. */
export interface RowGroup {
  readonly tables: readonly string[];
  /** Whether the rows of the group can only be deleted all at once, with the checks at the end. */
  readonly together: boolean;
}

export interface ForeignKey {
  readonly child: string;
  readonly parent: string;
  /** Whether the end of the parent's row deletes or changes the child's, and is refused in no order. */
  readonly follows: boolean;
}

/** Foreign keys between the tables of a pool; those of partitions are the partitioned table's. */
export async function foreignKeysOf(session: Session, schema: string): Promise<ForeignKey[]> {
  return session.query<ForeignKey & Record<string, unknown>>(
    `SELECT c.relname AS child, p.relname AS parent, k.confdeltype IN ('c', 'n', 'd') AS follows
     FROM pg_catalog.pg_constraint k
       JOIN pg_catalog.pg_class c ON c.oid = coalesce(pg_catalog.pg_partition_root(k.conrelid), k.conrelid)
       JOIN pg_catalog.pg_class p ON p.oid = coalesce(pg_catalog.pg_partition_root(k.confrelid), k.confrelid)
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE k.contype = 'f' AND k.conparentid = 0 AND n.nspname = $1 ORDER BY 1, 2`,
    [schema],
  );
}

/**
 * Groups of tables, children before their parents: Tarjan's strongly connected components. Tables that no foreign key
 * ties to others come last: triggers of the others may write into them, as into a history.
 */
export function removalOrder(tables: readonly string[], keys: readonly ForeignKey[]): RowGroup[] {
  const groups: RowGroup[] = [];
  const numbers = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const visit = (table: string): number => {
    const number = numbers.size;
    numbers.set(table, number);
    stack.push(table);
    let low = number;
    for (const { child, parent } of keys) {
      if (child !== table || !tables.includes(parent)) continue;
      if (!numbers.has(parent)) low = Math.min(low, visit(parent));
      else if (stack.includes(parent)) low = Math.min(low, lowest.get(parent) ?? numbers.get(parent) ?? low);
    }
    lowest.set(table, low);
    if (low === number) {
      const members = stack.splice(stack.indexOf(table));
      const inside = keys.filter(({ child, parent }) => members.includes(child) && members.includes(parent));
      groups.push({ tables: members.sort(), together: inside.some(({ follows }) => !follows) });
    }
    return low;
  };
  for (const table of tables) if (!numbers.has(table)) visit(table);
  // A table's parents are found to be complete before the table itself.
  groups.reverse();
  const tied = ({ tables: names }: RowGroup) =>
    keys.some(({ child, parent }) => names.includes(child) || names.includes(parent));
  return [...groups.filter(tied), ...groups.filter((group) => !tied(group))];
}
