/** The end of a tenant's schema: logins closed, sessions ended, then everything gone in one transaction. */
import { type CallContext, ProviderError } from "../handler.ts";
import type { SchemaOutputs } from "../inputs.ts";
import { isInstance, parseMark } from "../mark.ts";
import type { Task } from "./faults.ts";
import { readLive } from "./live.ts";
import type { PostgresPools, Session } from "./pool.ts";
import { closeScript, dropScript, dropTablesScript } from "./script.ts";
import { endSessions } from "./sessions.ts";

/** One transaction holds a lock a table: at the default limits 2,000 tables were too many. */
const tablesAtOnce = 400;

export async function removeSchema(pools: PostgresPools, context: CallContext, outputs: SchemaOutputs): Promise<void> {
  const { backupWaiver } = outputs;
  const what = `PostgreSQL schema "${outputs.schema}"`;
  if (outputs.state !== "offboarding" || backupWaiver === undefined) {
    const lacks = outputs.state !== "offboarding" ? `its state is ${outputs.state}` : "it has no backupWaiver";
    throw new ProviderError(
      `tenant ${outputs.tenant}: ${what} is not deleted: ${lacks}. Put the tenant back into the registry with ` +
        `state: offboarding and a backupWaiver (reason and name), run an update, then remove it.`,
    );
  }
  const server = pools.server(outputs.server);
  const task: Task = { subject: `tenant ${outputs.tenant}`, doing: `removing the schema ${outputs.schema}` };
  await pools.run(
    outputs.server,
    task,
    async (session) => {
      const live = await readLive(session, outputs, "brief");
      if (live.schema !== null && !isInstance(parseMark(live.schema.comment), outputs)) {
        context.warn(
          `tenant ${outputs.tenant}: ${what} is left alone: it is not the one of this state (another run made or ` +
            `adopted it since).`,
        );
        return;
      }
      const close = closeScript(outputs, live, server);
      if (close !== "") await session.script(close);
      await endSessions(session, outputs);
      await dropMany(session, context, outputs);
      await session.script(dropScript(outputs, live, backupWaiver));
    },
    { exclusive: true, signal: context.signal },
  );
}

/** Leaves at most `tablesAtOnce` tables for the last transaction. */
export async function dropMany(
  session: Session,
  context: CallContext,
  outputs: Pick<SchemaOutputs, "schema" | "ownerRole">,
): Promise<void> {
  const rows = await session.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND pg_get_userbyid(c.relowner) = $2 ORDER BY c.oid DESC`,
    [outputs.schema, outputs.ownerRole],
  );
  const tables = rows.map(({ name }) => name);
  while (tables.length > tablesAtOnce) {
    context.status(`${tables.length} tables left`);
    await session.script(dropTablesScript(outputs, tables.splice(0, tablesAtOnce)));
  }
}
