/** Ending a tenant's live connections, and finding a tenant's data. */
import type { SchemaInputs } from "../inputs.ts";
import type { Live } from "./live.ts";
import type { Session } from "./pool.ts";
import { identifier, literal } from "./quote.ts";
import { createdNames } from "../../templates/sql-guard.ts";
import { type RenderedFile, setRole } from "./script.ts";

/**
 * Ends the sessions of a tenant's logins and waits until they are gone; NOLOGIN alone leaves them alive. Signalling
 * another role's session needs that role's rights: the provisioner inherits none, and takes the role for a moment.
 *
 * @returns how many sessions were ended
 */
export async function endSessions(
  session: Session,
  inputs: Pick<SchemaInputs, "appRole" | "readOnlyRole">,
): Promise<number> {
  const logins = [inputs.appRole, inputs.readOnlyRole];
  const live = await session.query<{ role: string }>(
    "SELECT DISTINCT usename AS role FROM pg_catalog.pg_stat_activity WHERE usename = ANY ($1)",
    [logins],
  );
  let ended = 0;
  for (const { role } of live) {
    await session.query("BEGIN");
    await session.script(setRole(role));
    const rows = await session.query<{ ended: boolean }>(
      "SELECT pg_catalog.pg_terminate_backend(pid, 5000) AS ended FROM pg_catalog.pg_stat_activity WHERE usename = $1",
      [role],
    );
    // Takes the right to SET ROLE back.
    await session.query("ROLLBACK");
    ended += rows.filter((row) => row.ended).length;
  }
  return ended;
}

/**
 * What of the tenant's own lies in a schema that a crashed run may have left: tables and functions that its files do
 * not make, and rows that were written by another transaction than the one that applied a file.
 *
 * @returns as in `table documents has rows`; undefined where there is nothing
 */
export async function findData(
  session: Session,
  live: Live,
  inputs: SchemaInputs,
  files: readonly RenderedFile[],
): Promise<string | undefined> {
  const expected = new Set((await Promise.all(files.map(({ sql }) => createdNames(sql)))).flat());
  const objects = await session.query<{ kind: string; name: string }>(
    `SELECT 'table' AS kind, c.relname AS name FROM pg_catalog.pg_class c
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = $1 AND c.relkind IN ('r', 'm', 'f')
     UNION ALL SELECT 'function', p.proname FROM pg_catalog.pg_proc p
       JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1 ORDER BY 1 DESC, 2`,
    [inputs.schema],
  );
  const stranger = objects.find(({ name }) => !expected.has(name));
  if (stranger !== undefined) return `${stranger.kind} ${stranger.name} is none of its files'`;
  const tables = objects.filter(({ kind }) => kind === "table").map(({ name }) => name);
  if (tables.length === 0 || live.schema?.owner !== inputs.ownerRole) return undefined;
  const own = await session.query<{ xid: string }>(
    "SELECT DISTINCT xmin::text AS xid FROM platform.applied_files WHERE schema_name = $1",
    [inputs.schema],
  );
  const writers = own.map(({ xid }) => literal(xid)).join(", ");
  const probes = tables.map(
    (table) =>
      `SELECT ${literal(table)} AS name WHERE EXISTS (SELECT FROM ${identifier(inputs.schema)}.${identifier(table)} ` +
      `${writers === "" ? "" : `WHERE xmin::text NOT IN (${writers})`})`,
  );
  await session.query("BEGIN");
  // With it a policy that hides rows is an error instead of an empty answer.
  await session.script(`SET LOCAL row_security = off; ${setRole(inputs.ownerRole)}`);
  const filled = await session.query<{ name: string }>(probes.join("\nUNION ALL "));
  await session.query("ROLLBACK");
  return filled[0] === undefined ? undefined : `table ${filled[0].name} has rows`;
}
