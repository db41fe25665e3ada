/**
 * A schema that is there brought forward by the files that it lacks, and by nothing else: each run of ordinary files in one
 * transaction of the owner, each file for `CONCURRENTLY` by itself. Tenants do not wait for each other here: nothing of
 * the roles and of the database's privileges changes, so the lock of such changes is not taken.
 */
import { isDeepStrictEqual } from "node:util";
import { type CallContext, ProviderError } from "../handler.ts";
import type { SchemaInputs, SchemaOutputs } from "../inputs.ts";
import { parseMark } from "../mark.ts";
import { assertInstance, filesToApply, leading, locate } from "./applied.ts";
import { applyConcurrently } from "./concurrent.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import type { Task } from "./faults.ts";
import { renderFiles } from "./files.ts";
import { readLive } from "./live.ts";
import { Blockers } from "./lock-holders.ts";
import type { Session } from "./pool.ts";
import { literal } from "./quote.ts";
import { filesScript, type RenderedFile } from "./script.ts";

/**
 * How long one statement waits for a tenant's sessions. Whoever comes after it waits behind it for as long, so it is short,
 * and the whole transaction is tried again.
 */
const lockTimeout = "2s";
const retryMilliseconds = 90_000;

/** Inputs that files come with: all others have to be as they were. */
const ofFiles = ["templateFiles", "additionalFiles", "variables", "copyOf"];

/** Whether an update asks for further files and for nothing else, so that only these have to be looked at. */
export function asksForFilesOnly(
  context: Pick<CallContext, "urn" | "drifted">,
  outputs: SchemaOutputs,
  news: SchemaInputs,
): boolean {
  const { markUrn, instanceToken: _, ...olds } = outputs;
  const rest = (inputs: SchemaInputs) =>
    Object.fromEntries(
      Object.entries(inputs).filter(([name, value]) => value !== undefined && !ofFiles.includes(name)),
    );
  const more = (one: SchemaInputs) => one.templateFiles.length + one.additionalFiles.length;
  return (
    context.drifted === false &&
    markUrn === context.urn &&
    more(news) > more(olds) &&
    isDeepStrictEqual(rest(olds), rest(news))
  );
}

/**
 * Applies what is missing, in order.
 *
 * @param outputs - with the token of the instance that the schema has to be
 * @returns whether it could: the provisioner may have lost the right to work as the owner, which an update of everything
 * gives back
 * @throws ProviderError for another instance's schema, an edited file, and a file that the server refuses
 */
export async function applyMissing(
  dependencies: PostgresDependencies,
  context: CallContext,
  outputs: SchemaOutputs,
  news: SchemaInputs,
  event: string,
): Promise<boolean> {
  const files = renderFiles(dependencies, news);
  for (;;) {
    const next = await applyLeading(dependencies, context, outputs, news, files, event);
    if (next === "not the owner") return false;
    if (next === undefined) return true;
    await applyConcurrently(dependencies, context, outputs, news, files, next, event);
  }
}

/** @returns the file that is next and cannot run inside of a transaction; undefined where nothing is left */
async function applyLeading(
  { pools }: PostgresDependencies,
  context: CallContext,
  outputs: SchemaOutputs,
  news: SchemaInputs,
  files: readonly RenderedFile[],
  event: string,
): Promise<RenderedFile | "not the owner" | undefined> {
  const task: Task = { subject: `tenant ${news.tenant}`, doing: `applying new files to the schema ${news.schema}` };
  const blockers = new Blockers();
  const work = async (session: Session) => {
    assertGoing(context, task.subject);
    // A backend that a killed run left behind may still be at it: the row's lock lets one of the two work at a time.
    await session.script(
      `BEGIN; SET LOCAL lock_timeout = '${lockTimeout}';
       SELECT FROM platform.tenants WHERE id = ${literal(news.tenant)} FOR UPDATE;`,
    );
    const live = await readLive(session, news, "brief");
    assertInstance(live, outputs);
    const missing = filesToApply(live, files, news);
    const now = leading(missing);
    const [may] =
      now.length === 0 || live.roles[news.ownerRole] === undefined
        ? []
        : await session.query<{ may: boolean }>("SELECT pg_has_role(current_user, $1, 'SET') AS may", [news.ownerRole]);
    const lostMark = parseMark(live.schema?.comment) === undefined;
    if (lostMark || (now.length > 0 && (may?.may !== true || live.schema?.owner !== news.ownerRole))) {
      await session.script("ROLLBACK");
      return "not the owner" as const;
    }
    if (now.length > 0) {
      const script = filesScript(news, { files: now, urn: context.urn, event });
      try {
        await session.script(script);
      } catch (error) {
        throw locate(error, script, now, news, keptText);
      }
    } else await session.script("ROLLBACK");
    return missing[now.length];
  };
  try {
    return await pools.run(news.server, task, (session) => blockers.watch(session, news.schema, () => work(session)), {
      signal: context.signal,
      retryMilliseconds,
    });
  } catch (error) {
    throw blockers.explained(error);
  }
}

const keptText =
  "Its transaction was rolled back, and the schema is as it was. Correct the file where no tenant has applied it yet, " +
  "else add another, and run the command again.";

/** @throws ProviderError when the engine has cancelled the update */
export function assertGoing(context: CallContext, subject: string): void {
  if (!context.signal.aborted) return;
  throw new ProviderError(
    `${subject}: the update was cancelled before its next file was applied. Run the same command again: it ` +
      `continues where this one ended.`,
  );
}
