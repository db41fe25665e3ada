/** The end of a pool: only when no tenant is a member and no row of one is left. */
import { type CallContext, ProviderError } from "../handler.ts";
import type { PoolOutputs } from "../inputs.ts";
import { isInstance, parseMark } from "../mark.ts";
import { changeLock, eventSql } from "./catalogue.ts";
import type { Live } from "./live.ts";
import type { PostgresPools, Session } from "./pool.ts";
import { findMembers, findPoolData } from "./pool-adopt.ts";
import { readBrief, subjectOf } from "./pool-live.ts";
import { forgetFilesSql } from "./pool-work.ts";
import { identifier, identifiers } from "./quote.ts";
import { dropMany } from "./schema-remove.ts";
import { setRole } from "./script.ts";

export async function removePool(pools: PostgresPools, context: CallContext, outputs: PoolOutputs): Promise<void> {
  const subject = subjectOf(outputs.pool);
  const what = `${subject}: PostgreSQL schema "${outputs.schema}"`;
  await pools.run(
    outputs.server,
    { subject, doing: `removing the schema ${outputs.schema}` },
    async (session) => {
      const live = await readBrief(session, outputs);
      if (live.schema !== null) {
        if (!isInstance(parseMark(live.schema.comment), outputs)) {
          context.warn(
            `${what} is left alone: it is not the one of this state (another run made or adopted it since).`,
          );
          return;
        }
        await assertEmpty(session, outputs, what);
        await dropMany(session, context, outputs);
      }
      await session.script(dropScript(outputs, live, subject));
    },
    { exclusive: true, signal: context.signal },
  );
}

async function assertEmpty(session: Session, outputs: PoolOutputs, what: string): Promise<void> {
  const members = await findMembers(session, outputs);
  if (members.length > 0) {
    const shown = `${members.slice(0, 10).join(", ")}${members.length > 10 ? ` and ${members.length - 10} more` : ""}`;
    throw new ProviderError(
      `${what} is not deleted: ${members.length} ${members.length === 1 ? "tenant is a member" : "tenants are members"} ` +
        `(${shown}). Put the pool back into the registry, remove its tenants, each with state: offboarding and a ` +
        `backupWaiver first, and then the pool.`,
    );
  }
  const [left] = await findPoolData(session, outputs, { written: true });
  if (left !== undefined) {
    throw new ProviderError(
      `${what} is not deleted: its table ${left.table} has rows of ${left.tenantId}, which is no member any more. ` +
        `Find out whose they are; the pool is deleted when no table has a row.`,
    );
  }
}

function dropScript(outputs: PoolOutputs, live: Live, subject: string): string {
  const roles = [outputs.ownerRole, outputs.appRole, outputs.readOnlyRole].filter(
    (role) => live.roles[role] !== undefined,
  );
  const drop = `DROP SCHEMA ${identifier(outputs.schema)} CASCADE;`;
  return [
    `BEGIN; SELECT ${changeLock}; SET LOCAL lock_timeout = '10s';`,
    ...roles.flatMap((role) => [
      setRole(role),
      ...(role === outputs.ownerRole && live.schema !== null ? [drop] : []),
      `DROP OWNED BY ${identifier(role)};`,
      "SET LOCAL ROLE NONE;",
    ]),
    ...(roles.length > 0 ? [`DROP ROLE ${identifiers(roles)};`] : []),
    forgetFilesSql(outputs),
    eventSql(subject, "remove", { store: "postgres", schema: outputs.schema }),
    "COMMIT;",
  ].join("\n");
}
