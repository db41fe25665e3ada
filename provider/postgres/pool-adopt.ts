/** What of tenants lies in a pool that no state knows, or that is to be removed. */
import { ProviderError } from "../handler.ts";
import type { PoolInputs } from "../inputs.ts";
import type { Mark } from "../mark.ts";
import type { Session } from "./pool.ts";
import { readCatalogue, subjectOf, tenantTables } from "./pool-live.ts";
import { membersTable, type PoolPlace, within } from "./pool-sql.ts";
import { literal } from "./quote.ts";
import { setRole } from "./script.ts";

export interface PoolData {
  readonly table: string;
  readonly tenantId: string;
  /** Id in the registry; null where the tenant is no member. */
  readonly tenant: string | null;
}

/**
 * One row a table and tenant that has rows there. The owner sees them only without FORCE, which is taken away in a
 * transaction that is rolled back: the tables are locked for as long.
 *
 * @param written - also those of the template's files and of seeds
 */
export async function findPoolData(
  session: Session,
  place: PoolPlace,
  { written }: { readonly written: boolean },
): Promise<PoolData[]> {
  const catalogue = await readCatalogue(session, place);
  const tables = tenantTables(catalogue).filter(({ partition }) => !partition);
  if (tables.length === 0) return [];
  const own = written
    ? []
    : await session.query<{ xid: string }>(
        `SELECT DISTINCT xmin::text AS xid FROM platform.applied_files
         WHERE schema_name = $1 OR starts_with(schema_name, $1 || '/')`,
        [place.schema],
      );
  const writers = own.map(({ xid }) => literal(xid)).join(", ");
  const where = writers === "" ? "" : `WHERE xmin::text NOT IN (${writers})`;
  const members = catalogue.tables.some(({ name }) => name === membersTable);
  const probes = tables.map(
    ({ name }) =>
      `SELECT DISTINCT ${literal(name)} AS table, tenant_id::text AS "tenantId" FROM ${within(place, name)} ${where}`,
  );
  await session.script(
    [
      "BEGIN; SET LOCAL lock_timeout = '3s'; SET LOCAL row_security = off;",
      setRole(place.ownerRole),
      ...tables.map(({ name }) => `ALTER TABLE ${within(place, name)} NO FORCE ROW LEVEL SECURITY;`),
    ].join("\n"),
  );
  const rows = await session.query<PoolData>(
    `SELECT d.*, ${members ? "m.tenant" : "NULL AS tenant"} FROM (${probes.join("\nUNION ALL ")}) d
     ${members ? `LEFT JOIN ${within(place, membersTable)} m ON m.tenant_id::text = d."tenantId"` : ""} ORDER BY 1, 2`,
  );
  await session.script("ROLLBACK");
  return rows;
}

/** Ids of the tenants that are members. */
export async function findMembers(session: Session, place: PoolPlace): Promise<string[]> {
  const { tables } = await readCatalogue(session, place);
  if (!tables.some(({ name }) => name === membersTable)) return [];
  await session.script(`BEGIN; ${setRole(place.ownerRole)}`);
  const rows = await session.query<{ tenant: string }>(
    `SELECT tenant FROM ${within(place, membersTable)} ORDER BY tenant`,
  );
  await session.script("ROLLBACK");
  return rows.map(({ tenant }) => tenant);
}

/**
 * Decides whether `create` may take over a pool that is there, by the rules of mark.ts: only what carries this resource's
 * mark, and rows only where `tenancy adopt` names every tenant that has some.
 *
 * @throws ProviderError when it may not.
 */
export function assertPoolAdoptable(
  inputs: PoolInputs,
  mark: Mark | undefined,
  data: readonly PoolData[],
  urn: string,
  adopt: ReadonlySet<string>,
): void {
  const what = `${subjectOf(inputs.pool)}: PostgreSQL schema "${inputs.schema}"`;
  if (mark === undefined) {
    throw new ProviderError(
      `${what} exists and carries no mark of this tool. Remove or rename it, or name another pool.`,
    );
  }
  if (mark.urn !== urn) {
    throw new ProviderError(
      `${what} belongs to the resource ${mark.urn}, not to ${urn}. If the resource was renamed or moved, add the option ` +
        `aliases: [{…}] with the old URN; two stacks may not share a pool.`,
    );
  }
  const strange = data.find(({ tenant }) => tenant === null);
  if (strange !== undefined) {
    throw new ProviderError(
      `${what} is not in the stack's state, and its table ${strange.table} has rows of ${strange.tenantId}, ` +
        `which is no member of it. Restore the state from its backup.`,
    );
  }
  const tenants = [...new Set(data.flatMap(({ tenant }) => tenant ?? []))].sort();
  const unnamed = tenants.filter((tenant) => !adopt.has(tenant));
  if (unnamed.length === 0) return;
  const shown = `${unnamed.slice(0, 10).join(", ")}${unnamed.length > 10 ? ` and ${unnamed.length - 10} more` : ""}`;
  throw new ProviderError(
    `${what} is not in the stack's state and holds data (rows of ${shown}). Restore the state from its backup, or take ` +
      `the data over with \`tenancy adopt ${tenants.join(" ")}\`.`,
  );
}
