/** The Roster's side of the catalogue: all tenants of a stack in one statement. */
import { ProviderError } from "../handler.ts";
import type { RosterInputs } from "../inputs.ts";
import { changeLock, isTombstone, type Origin, statusOf } from "./catalogue.ts";
import type { Task } from "./faults.ts";
import type { PostgresPools, Session } from "./pool.ts";
import { json, literal } from "./quote.ts";
import { messageOf } from "../message.ts";

export interface CatalogueRow {
  readonly id: string;
  readonly external_id: string;
  readonly prefix: string | null;
  readonly region: string | null;
  readonly tier: string | null;
  readonly placement: Readonly<Record<string, string>>;
  readonly status: string;
  readonly project: string;
  readonly stack: string;
  readonly removed_at: Date | null;
}

/** How long a preview waits for a server that does not answer. */
const previewPatience = { retryMilliseconds: 5_000 };

/**
 * Rows of the named tenants, of their external ids, and of all live tenants of the stack.
 *
 * @returns no rows where the database or its catalogue was not made yet
 * @throws ProviderError when the server cannot be asked: a preview must not guess
 */
export async function readCatalogue(
  pools: PostgresPools,
  server: string,
  origin: Origin,
  roster: RosterInputs,
): Promise<CatalogueRow[]> {
  const task: Task = { subject: "Roster", doing: "reading the catalogue of tenants" };
  const ids = Object.keys(roster.tenants);
  const externalIds = Object.values(roster.tenants).map(({ externalId }) => externalId);
  const read = async (session: Session): Promise<CatalogueRow[]> => {
    const [there] = await session.query<{ there: boolean }>(
      "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace " +
        "WHERE n.nspname = 'platform' AND c.relname = 'tenants') AS there",
    );
    if (there?.there !== true) return [];
    return session.query<CatalogueRow>(
      `SELECT id, external_id, prefix, region, tier, placement, status, project, stack, removed_at FROM platform.tenants
       WHERE id = ANY ($1) OR external_id = ANY ($2)
         OR (project = $3 AND stack = $4 AND status NOT IN ('removing', 'removed')) ORDER BY id`,
      [ids, externalIds, origin.project, origin.stack],
    );
  };
  const { admin, provisioner, database } = pools.server(server);
  // Before the first Baseline there is neither the provisioner nor the database: only the administrator can tell.
  if (admin !== undefined) {
    const [there] = await pools.runAs(
      server,
      { ...admin, database: "postgres" },
      task,
      (session) =>
        session.query<{ both: boolean }>(
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = $1) " +
            "AND EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $2) AS both",
          [database, provisioner.user],
        ),
      previewPatience,
    );
    if (there?.both !== true) return [];
  }
  try {
    return await pools.run(server, task, read, previewPatience);
  } catch (error) {
    if (/database ".*" does not exist/.test(messageOf(error))) return [];
    // The Baseline of this update gives the provisioner its new password.
    if (admin !== undefined && messageOf(error).includes("refused the login")) {
      return pools.runAs(server, admin, task, read, previewPatience);
    }
    throw error;
  }
}

interface Entered {
  readonly since: Readonly<Record<string, string>>;
}

/**
 * Writes every tenant of the roster, and a tombstone for each that has left.
 *
 * @param leaving - ids that were in the last roster and are not in this one
 */
export async function writeRoster(
  pools: PostgresPools,
  origin: Origin,
  roster: RosterInputs,
  leaving: RosterInputs["tenants"],
): Promise<Entered["since"]> {
  const entries = Object.entries(roster.tenants).map(([id, entry]) => ({
    id,
    ...entry,
    status: entry.placement.postgres === undefined ? statusOf(entry.state) : "initializing",
  }));
  const left = Object.entries(leaving).map(([id, { placement, backupWaiver }]) => ({
    id,
    backupWaiver,
    status: placement.postgres === undefined ? "removed" : "removing",
  }));
  const task: Task = { subject: "Roster", doing: "writing the catalogue of tenants" };
  return pools.run(
    roster.catalogue,
    task,
    async (session) => {
      await session.script(`BEGIN; SELECT ${changeLock};`);
      const taken = await session.query<{ id: string; status: string; project: string; stack: string }>(
        `SELECT id, status, project, stack FROM platform.tenants WHERE id = ANY ($1)
           AND (status IN ('removing', 'removed') OR project <> $2 OR stack <> $3) ORDER BY id`,
        [Object.keys(roster.tenants), origin.project, origin.stack],
      );
      if (taken.length > 0) {
        throw new ProviderError(taken.map((row) => takenText(row, origin)).join("\n"));
      }
      await session.script(entriesSql(entries, left, origin));
      const rows = await session.query<{ id: string; state_since: Date }>(
        "SELECT id, state_since FROM platform.tenants WHERE id = ANY ($1) ORDER BY id",
        [Object.keys(roster.tenants)],
      );
      await session.script("COMMIT");
      return Object.fromEntries(rows.map((row) => [row.id, row.state_since.toISOString()]));
    },
    { exclusive: true },
  );
}

/** Why an id cannot be used. */
export function takenText(
  row: { readonly id: string; readonly status: string; readonly project: string; readonly stack: string },
  origin: Origin,
): string {
  return isTombstone(row.status)
    ? `tenant ${row.id}: the id belonged to a tenant that was removed and is never given again. Choose another id.`
    : `tenant ${row.id}: the id belongs to the stack ${row.project}/${row.stack}, not to ` +
        `${origin.project}/${origin.stack}. Choose another id: one catalogue holds each id once.`;
}

function entriesSql(entries: readonly object[], left: readonly object[], { project, stack }: Origin): string {
  const statements = [
    `WITH news AS (SELECT e->>'id' AS id, e->>'externalId' AS external_id, e->>'displayName' AS display_name,
      e->>'tier' AS tier, e->>'prefix' AS prefix, e->>'region' AS region, e->'placement' AS placement,
      e->>'state' AS state, e->>'status' AS status, e->'backupWaiver' AS backup_waiver
    FROM jsonb_array_elements(${json(entries)}) e),
  olds AS (SELECT id, state FROM platform.tenants WHERE id IN (SELECT id FROM news)),
  written AS (INSERT INTO platform.tenants AS t (id, external_id, display_name, tier, prefix, region, placement,
      state, status, backup_waiver, project, stack)
    SELECT id, external_id, display_name, tier, prefix, region, placement, state, status, backup_waiver,
      ${literal(project)}, ${literal(stack)} FROM news
    ON CONFLICT (id) DO UPDATE SET external_id = excluded.external_id, display_name = excluded.display_name,
      tier = excluded.tier, prefix = excluded.prefix, region = excluded.region, placement = excluded.placement,
      state = excluded.state, backup_waiver = excluded.backup_waiver, updated_at = now(),
      -- A tenant with a schema is ready when the schema is.
      status = CASE WHEN excluded.status = 'initializing' THEN t.status ELSE excluded.status END,
      state_since = CASE WHEN t.state = excluded.state THEN t.state_since ELSE now() END
    RETURNING id, state)
  INSERT INTO platform.events (tenant, event, detail)
    SELECT w.id, 'state', jsonb_build_object('from', o.state, 'to', w.state)
    FROM written w LEFT JOIN olds o ON o.id = w.id WHERE o.state IS DISTINCT FROM w.state;`,
  ];
  if (left.length > 0) {
    statements.push(`WITH gone AS (UPDATE platform.tenants t SET status = e->>'status', removed_at = now(),
      backup_waiver = coalesce(e->'backupWaiver', t.backup_waiver), updated_at = now()
    FROM jsonb_array_elements(${json(left)}) e
    WHERE t.id = e->>'id' AND t.project = ${literal(project)} AND t.stack = ${literal(stack)}
      AND t.status NOT IN ('removing', 'removed')
    RETURNING t.id, t.backup_waiver)
  INSERT INTO platform.events (tenant, event, detail)
    SELECT id, 'leave', jsonb_build_object('waiver', backup_waiver) FROM gone;`);
  }
  return statements.join("\n");
}
