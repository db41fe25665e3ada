/**
 * Files whose statements run one by one, outside of a transaction. After a crash, a lost connection or a lock that was not
 * had, the next attempt looks at what each statement has left: an index that is whole and the wanted one is kept, an
 * invalid one is dropped and built again. The file is recorded when all of it is done.
 */
import { randomBytes } from "node:crypto";
import { type CallContext, ProviderError } from "../handler.ts";
import type { SchemaInputs, SchemaOutputs } from "../inputs.ts";
import { messageOf } from "../message.ts";
import { type Step, stepsOf, withoutConcurrently } from "../../templates/concurrent.ts";
import { assertInstance, filesToApply } from "./applied.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import { codeOf, isTransient, type Task } from "./faults.ts";
import { readLive } from "./live.ts";
import { Blockers } from "./lock-holders.ts";
import { assertGoing } from "./migrate.ts";
import type { Session } from "./pool.ts";
import { identifier, identifiers, literal } from "./quote.ts";
import { recordScript, type RenderedFile } from "./script.ts";

/** Waiting keeps nobody else waiting here: the locks of these statements let rows be read and written. */
const lockTimeout = "60s";
const retryMilliseconds = 600_000;

/** @param files - all of the schema's, of which those before `file` are applied */
export async function applyConcurrently(
  { pools }: PostgresDependencies,
  context: CallContext,
  outputs: SchemaOutputs,
  news: SchemaInputs,
  files: readonly RenderedFile[],
  file: RenderedFile,
  event: string,
): Promise<void> {
  const task: Task = { subject: `tenant ${news.tenant}`, doing: `applying ${file.name} to the schema ${news.schema}` };
  const blockers = new Blockers();
  const work = async (session: Session) => {
    const live = await readLive(session, news, "brief");
    assertInstance(live, outputs);
    if (filesToApply(live, files, news)[0]?.name !== file.name) return;
    await runConcurrently(session, context, { ...news, subject: task.subject }, file);
    await session.script(recordScript(news, { files: [file], urn: context.urn, event }));
  };
  try {
    await pools.run(news.server, task, (session) => blockers.watch(session, news.schema, () => work(session)), {
      ...aloneOptions,
      signal: context.signal,
    });
  } catch (error) {
    throw blockers.explained(error);
  }
}

/** How such a file's connection is used: for as long as an index takes, and not again. */
export const aloneOptions = { closeAfter: true, retryMilliseconds } as const;

interface Place {
  /** Begin of messages, as in `tenant acme`. */
  readonly subject: string;
  readonly schema: string;
  readonly ownerRole: string;
}

/** Does what of a file is not done yet, as the owner and outside of a transaction. The connection is to be closed after it. */
export async function runConcurrently(
  session: Session,
  context: CallContext,
  place: Place,
  file: RenderedFile,
): Promise<void> {
  const steps = await stepsOf(file.sql);
  await session.script(
    `SET ROLE ${identifier(place.ownerRole)}; SET lock_timeout = '${lockTimeout}'; ` +
      `SET search_path = ${identifier(place.schema)}, extensions, pg_catalog;`,
  );
  for (const [index, step] of steps.entries()) {
    assertGoing(context, place.subject);
    context.status(`${file.name}: ${step.does} (${index + 1} of ${steps.length})`);
    try {
      await runStep(session, place, step);
    } catch (error) {
      throw explained(error, place, file, step);
    }
  }
  await session.script("RESET ROLE; SET search_path = pg_catalog, pg_temp;");
}

/** Does what a statement asks where it is not done yet. */
async function runStep(session: Session, inputs: Place, step: Step): Promise<void> {
  switch (step.does) {
    case "create index":
      return createIndex(session, inputs, step);
    case "drop index":
      // One that is not there was dropped by an attempt that did not get to its end.
      if ((await findIndex(session, inputs, step.index)) !== undefined) await session.query(step.sql);
      return;
    case "reindex":
      await dropLeftovers(session, inputs, step);
      await session.query(step.sql);
      return;
    case "add value":
      if (!(await hasValue(session, inputs, step))) await session.query(step.sql);
      return;
    case "validate":
      await session.query(step.sql);
  }
}

interface FoundIndex {
  /** `i` for an index; anything else has only its name. */
  readonly kind: string;
  readonly table: string | null;
  readonly valid: boolean | null;
  /** Whether somebody is at work on its table: an index that is not valid may be about to be. */
  readonly busy: boolean;
}

async function findIndex(session: Session, inputs: Place, name: string): Promise<FoundIndex | undefined> {
  const [found] = await session.query<FoundIndex>(
    `SELECT c.relkind AS kind, t.relname AS table, x.indisvalid AND x.indisready AND x.indislive AS valid,
       EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.relation = x.indrelid AND l.granted AND l.pid <> pg_backend_pid()
         AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
         AND l.mode = 'ShareUpdateExclusiveLock') AS busy
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN pg_catalog.pg_index x ON x.indexrelid = c.oid LEFT JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
     WHERE n.nspname = $1 AND c.relname = $2`,
    [inputs.schema, name],
  );
  return found;
}

type CreateStep = Extract<Step, { does: "create index" }>;

async function createIndex(session: Session, inputs: Place, step: CreateStep): Promise<void> {
  const found = await findIndex(session, inputs, step.index);
  const what = `${identifier(inputs.schema)}.${identifier(step.index)}`;
  if (found !== undefined && found.kind !== "i") {
    throw new ProviderError(`"${step.index}" is the name of something there that is no index: rename one of the two`);
  }
  if (found?.valid === true) {
    if (found.table === step.table && (await isEqual(session, inputs, step))) return;
    throw new ProviderError(
      `the index "${step.index}" is there already, on the table ${found.table ?? "unknown"} and with another ` +
        `definition than the file's. Rename it (ALTER INDEX ${what} RENAME TO …) or drop it, and run the command again`,
    );
  }
  if (found !== undefined) {
    // Left behind by an attempt that ended in the middle, whose backend may be building it still.
    if (found.busy) throw new Busy(`the table ${step.table} is being worked on by another session`);
    await session.query(`DROP INDEX CONCURRENTLY ${what}`);
  }
  try {
    await session.query(step.sql);
  } catch (error) {
    // It would cost every write until somebody sees it. A connection that is lost leaves it to the next attempt.
    if (!isTransient(error)) await session.query(`DROP INDEX CONCURRENTLY IF EXISTS ${what}`).catch(() => undefined);
    throw error;
  }
}

/** Tried again like a lock that was not had. */
class Busy extends Error {
  readonly code = "55P03";
}

/** What an index is, but for its own name and its table's. */
const definitionSql = (schema: string, index: string) => `(SELECT json_build_array(x.indisunique, x.indnullsnotdistinct,
    c.relam, x.indnkeyatts, c.reloptions, x.indclass::text, x.indcollation::text, x.indoption::text,
    pg_get_expr(x.indpred, x.indrelid),
    (SELECT json_agg(pg_get_indexdef(x.indexrelid, n, false) ORDER BY n) FROM generate_series(1, x.indnatts) n))::text
  FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace JOIN pg_index x ON x.indexrelid = c.oid
  WHERE s.nspname = ${literal(schema)} AND c.relname = ${literal(index)})`;

/** Whether an index is what the statement makes: found out on an empty copy of its table that nobody sees. */
async function isEqual(session: Session, inputs: Place, step: CreateStep): Promise<boolean> {
  const scratch = `tenancy_scratch_${randomBytes(6).toString("hex")}`;
  const owner = identifier(inputs.ownerRole);
  const table = identifier(step.table);
  await session.script(
    [
      `BEGIN; SET LOCAL ROLE NONE; CREATE SCHEMA ${identifier(scratch)} AUTHORIZATION ${owner}; SET LOCAL ROLE ${owner};`,
      `CREATE TABLE ${identifier(scratch)}.${table} (LIKE ${identifier(inputs.schema)}.${table});`,
      `SET LOCAL search_path = ${identifiers([scratch, inputs.schema])}, extensions, pg_catalog;`,
      `${await withoutConcurrently(step.sql)};`,
      "SET LOCAL search_path = pg_catalog, pg_temp;",
    ].join("\n"),
  );
  const [row] = await session.query<{ equal: boolean }>(
    `SELECT ${definitionSql(scratch, step.index)} = ${definitionSql(inputs.schema, step.index)} AS equal`,
  );
  await session.script("ROLLBACK");
  return row?.equal === true;
}

/** Copies that an interrupted REINDEX has left invalid; it names them so, and would leave further ones. */
async function dropLeftovers(session: Session, inputs: Place, step: Extract<Step, { does: "reindex" }>) {
  const rows = await session.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
     WHERE n.nspname = $1 AND NOT x.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' AND (t.relname = $2 OR t.oid =
       (SELECT y.indrelid FROM pg_catalog.pg_index y JOIN pg_catalog.pg_class i ON i.oid = y.indexrelid
          JOIN pg_catalog.pg_namespace m ON m.oid = i.relnamespace WHERE m.nspname = $1 AND i.relname = $2))
     ORDER BY 1`,
    [inputs.schema, step.name],
  );
  for (const { name } of rows) {
    await session.query(`DROP INDEX CONCURRENTLY IF EXISTS ${identifier(inputs.schema)}.${identifier(name)}`);
  }
}

async function hasValue(session: Session, inputs: Place, step: Extract<Step, { does: "add value" }>) {
  const rows = await session.query(
    `SELECT FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid
       JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
     WHERE n.nspname = $1 AND t.typname = $2 AND e.enumlabel = $3`,
    [inputs.schema, step.type, step.value],
  );
  return rows.length > 0;
}

function explained(error: unknown, inputs: Place, file: RenderedFile, step: Step): unknown {
  if (isTransient(error) || (codeOf(error) === undefined && !(error instanceof ProviderError))) return error;
  const code = codeOf(error);
  return new ProviderError(
    `${inputs.subject}: the file ${file.name}, line ${step.line} (${step.does}) failed: ${messageOf(error)}` +
      `${code === undefined ? "" : ` (SQLSTATE ${code})`}. What the file did before that line is kept; mend the cause ` +
      `and run the same command again, it continues there.`,
  );
}
