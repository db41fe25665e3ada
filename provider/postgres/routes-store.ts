/** Where tenants' data is, in the catalogue of tenants: what applications resolve (client/resolve.ts). */
import type { RoutesInputs } from "../inputs.ts";
import { catalogueSql, changeLock, type Origin } from "./catalogue.ts";
import type { Task } from "./faults.ts";
import type { PostgresPools } from "./pool.ts";
import { json, literal } from "./quote.ts";

/** Writes the routes of a stack's tenants; one that has none any more loses it. */
export async function writeRoutes(pools: PostgresPools, origin: Origin, inputs: RoutesInputs): Promise<void> {
  const task: Task = { subject: "Routes", doing: "writing where tenants' data is" };
  const mine = `t.project = ${literal(origin.project)} AND t.stack = ${literal(origin.stack)}`;
  const script = [
    `BEGIN; SELECT ${changeLock};`,
    // A catalogue that an earlier version made has no column for them.
    catalogueSql,
    `UPDATE platform.tenants t SET route = r.value, updated_at = now(),
       status = CASE WHEN t.status = 'initializing' THEN 'ready' ELSE t.status END
     FROM jsonb_each(${json(inputs.routes)}) r
     WHERE t.id = r.key AND ${mine} AND t.status NOT IN ('removing', 'removed')
       AND (t.route IS DISTINCT FROM r.value OR t.status = 'initializing');`,
    `UPDATE platform.tenants t SET route = NULL, updated_at = now()
     WHERE ${mine} AND t.route IS NOT NULL AND NOT (${json(inputs.routes)} ? t.id);`,
    "COMMIT;",
  ].join("\n");
  await pools.run(inputs.catalogue, task, (session) => session.script(script), { exclusive: true });
}

/** The routes that the catalogue has of a stack's tenants. */
export async function readRoutes(
  pools: PostgresPools,
  origin: Origin,
  catalogue: string,
): Promise<ReadonlyMap<string, unknown>> {
  const task: Task = { subject: "Routes", doing: "reading where tenants' data is" };
  const rows = await pools.run(catalogue, task, (session) =>
    session.query<{ id: string; route: unknown }>(
      "SELECT id, route FROM platform.tenants WHERE project = $1 AND stack = $2 AND route IS NOT NULL",
      [origin.project, origin.stack],
    ),
  );
  return new Map(rows.map(({ id, route }) => [id, route]));
}
