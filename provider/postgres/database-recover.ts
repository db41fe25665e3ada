/**
 * A database that came out of another tenant's backups, on a server of the new tenant's own: whether it may be taken over,
 * and the records in it that still tell of the other tenant.
 */
import { type CallContext, ProviderError } from "../handler.ts";
import type { DatabaseInputs } from "../inputs.ts";
import type { Mark } from "../mark.ts";
import { changeLock, originOf } from "./catalogue.ts";
import type { Place } from "./database-place.ts";
import type { PostgresPools } from "./pool.ts";
import { json, literal } from "./quote.ts";

/** Of a `tenancy:postgres:Database` on a restored server. */
export type RecoveredInputs = DatabaseInputs & { readonly recoveredFrom: string };

export function isRecovered(inputs: DatabaseInputs): inputs is RecoveredInputs {
  return inputs.recoveredFrom !== undefined;
}

/**
 * What a restored server holds carries the source's mark; the resource's own is that of a run that was ended.
 *
 * @param what - as in `PostgreSQL database "tenant_acme"`
 * @param mark - undefined where it has none, null where the object is not there
 * @throws ProviderError for any other mark, and for none
 */
export function assertSource(
  what: string,
  mark: Mark | undefined | null,
  inputs: { readonly tenant: string; readonly recoveredFrom: string },
  urn: string,
): void {
  const { tenant, recoveredFrom } = inputs;
  if (mark?.tenant === recoveredFrom || mark?.urn === urn) return;
  const found =
    mark === null
      ? "is not on the server"
      : mark === undefined
        ? "carries no mark of this tool"
        : `carries the mark of the tenant ${mark.tenant}`;
  throw new ProviderError(
    `tenant ${tenant}: ${what} ${found}, and recoveredFrom is "${recoveredFrom}": only that tenant's is taken over. ` +
      `Restore the server from that tenant's backups, to a time after the tenant was made, or correct recoveredFrom.`,
  );
}

/**
 * A wrong address would take a living tenant's database away from it.
 *
 * @throws ProviderError where the catalogue knows the server as the source's own
 */
export async function assertRestored(pools: PostgresPools, place: Place, inputs: RecoveredInputs): Promise<void> {
  const { tenant, recoveredFrom, connection } = inputs;
  if (!place.apart || connection === undefined) {
    throw new ProviderError(
      `tenant ${tenant}: recoveredFrom is "${recoveredFrom}", but it is only for a server of the tenant's own: ` +
        `give connection and connectionPassword, or leave it out.`,
    );
  }
  if (place.catalogue === undefined) return;
  const task = { subject: `tenant ${tenant}`, doing: `looking where the tenant ${recoveredFrom} lies` };
  const [route] = await pools.run(place.catalogue, task, (session) =>
    session.query<{ host: string | null; port: number | null }>(
      `SELECT route->>'host' AS host, (route->>'port')::int AS port FROM platform.tenants
       WHERE id = $1 AND status NOT IN ('removing', 'removed')`,
      [recoveredFrom],
    ),
  );
  if (route?.host !== connection.host || route.port !== connection.port) return;
  throw new ProviderError(
    `tenant ${tenant}: connection is ${connection.host}:${connection.port}, which is the server of the tenant ` +
      `${recoveredFrom} itself. recoveredFrom is for another server, restored from that tenant's backups: ` +
      `give the address of the restored one.`,
  );
}

/**
 * Makes the records inside of the database the new tenant's, with an event that says whose they were. Changes nothing the
 * second time.
 */
export function takeRecordsSql(inputs: RecoveredInputs, { urn }: Pick<CallContext, "urn">): string {
  const { project, stack } = originOf(urn);
  const source = literal(inputs.recoveredFrom);
  const tenant = literal(inputs.tenant);
  return [
    `BEGIN; SELECT ${changeLock};`,
    `WITH moved AS (UPDATE platform.tenants t SET id = ${tenant}, external_id = ${literal(inputs.externalId)},
       project = ${literal(project)}, stack = ${literal(stack)}, urn = ${literal(urn)}, state = ${literal(inputs.state)},
       status = 'initializing', backup_waiver = NULL, removed_at = NULL, last_activity = NULL, route = NULL,
       state_since = now(), created_at = now(), updated_at = now()
     WHERE id = ${source} AND NOT EXISTS (SELECT FROM platform.tenants WHERE id = ${tenant}) RETURNING id)
     INSERT INTO platform.events (tenant, event, detail)
       SELECT id, 'take over', ${json({ store: "postgres", from: inputs.recoveredFrom })} FROM moved;`,
    `DELETE FROM platform.tenants WHERE id = ${source};`,
    `UPDATE platform.applied_files SET tenant = ${tenant} WHERE tenant = ${source};`,
    "COMMIT;",
  ].join("\n");
}
