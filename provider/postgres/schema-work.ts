/**
 * The work on a tenant's schema in one database, the shared one or a database of its own: made in one transaction, taken
 * over where a crashed run left it, and mended. Handlers say which database, and keep their own marks.
 */
import { type CallContext, ProviderError } from "../handler.ts";
import type { SchemaInputs, SchemaOutputs } from "../inputs.ts";
import { assertAdoptable, type Mark, parseMark } from "../mark.ts";
import { mendAsAdministrator } from "./administrator.ts";
import { assertInstance, filesToApply, leading, locate } from "./applied.ts";
import { isTombstone, originOf } from "./catalogue.ts";
import { beginCopy, copyRows, isCopy } from "./copy.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import { differences } from "./drift.ts";
import { codeOf, type Task } from "./faults.ts";
import { filesOfNew, renderFiles } from "./files.ts";
import { assertSource, type RecoveredInputs, takeRecordsSql } from "./database-recover.ts";
import { type Live, readLive } from "./live.ts";
import { verifiersOf, type Verifiers } from "./logins.ts";
import { identifiers } from "./quote.ts";
import { applyMissing, asksForFilesOnly } from "./migrate.ts";
import type { Session } from "./pool.ts";
import { mendShape } from "./schema-read.ts";
import { createEnd, createInside, createScript, mendScript, type RenderedFile, type ScriptOptions } from "./script.ts";
import { endSessions, findData } from "./sessions.ts";

/** SQLSTATE of a role, a schema or a row of the catalogue that is there already. */
const duplicates = new Set(["42710", "42P06", "23505"]);

export interface SchemaWork {
  /** Makes the schema, or takes over what a crashed run left of it. */
  create(context: CallContext, inputs: SchemaInputs, mark: Mark): Promise<void>;
  /** Makes a schema that came out of another tenant's backups the new tenant's, with all that is inside. */
  recover(context: CallContext, inputs: RecoveredInputs, mark: Mark): Promise<void>;
  /**
   * Makes the schema what the news ask; the mark keeps its token.
   *
   * @param mayMake - whether a schema that is gone is made anew, without its rows
   */
  change(context: CallContext, outputs: SchemaOutputs, news: SchemaInputs, mayMake?: boolean): Promise<Mark>;
}

/** `inputs.server` names the database to the pools. */
export function schemaWork(dependencies: PostgresDependencies): SchemaWork {
  const { pools } = dependencies;

  const mendOutside = ({ server, tenant, schema }: SchemaInputs, statements: readonly string[]) =>
    mendAsAdministrator(
      pools,
      { server, subject: `tenant ${tenant}`, object: `PostgreSQL schema "${schema}"` },
      statements,
    );

  /**
   * Makes a schema that is there what the inputs ask, with this mark.
   *
   * @returns whether files are left: one that cannot run inside of a transaction, and those after it
   */
  async function mend(
    session: Session,
    inputs: SchemaInputs,
    mark: Mark,
    event: string,
    passwords: Verifiers,
  ): Promise<boolean> {
    const server = pools.server(inputs.server);
    const live = await readLive(session, inputs, "full");
    const missing = filesToApply(live, renderFiles(dependencies, inputs), inputs);
    const files = live.schema === null ? await filesOfNew(dependencies, inputs) : leading(missing);
    const outside = differences(live, inputs, server).flatMap(({ asAdministrator }) => asAdministrator ?? []);
    await mendOutside(inputs, outside);
    const now = outside.length > 0 ? await readLive(session, inputs, "full") : live;
    const found = differences(now, inputs, server);
    const options: ScriptOptions = { server, mark, verifiers: passwords, files, event };
    await session.script(mendScript(now, inputs, found, options));
    // What was made anew (a role, a schema) has no rights yet: they are seen, and mended, at a second look.
    const after = await readLive(session, inputs, "full");
    const left = differences(after, inputs, server);
    if (left.length > 0) {
      await mendOutside(
        inputs,
        left.flatMap(({ asAdministrator }) => asAdministrator ?? []),
      );
      await session.script(mendScript(after, inputs, left, { ...options, files: [] }));
    }
    if (inputs.state !== "active") await endSessions(session, inputs);
    return live.schema !== null && files.length < missing.length;
  }

  /** What `mend` has left. */
  async function finish(context: CallContext, inputs: SchemaInputs, mark: Mark, event: string): Promise<void> {
    const outputs = { ...inputs, markUrn: mark.urn, instanceToken: mark.token };
    if (await applyMissing(dependencies, context, outputs, inputs, event)) return;
    throw new ProviderError(
      `tenant ${inputs.tenant}: PostgreSQL schema "${inputs.schema}" or its owner was changed while its files were ` +
        `applied. Run the same command again: it continues where this one ended.`,
    );
  }

  async function adopt(
    session: Session,
    context: CallContext,
    inputs: SchemaInputs,
    files: readonly RenderedFile[],
    mark: Mark,
    passwords: Verifiers,
  ): Promise<boolean> {
    const live = await readLive(session, inputs, "brief");
    assertFree(live.row, inputs.tenant, context.urn);
    if (live.schema === null && inputs.copyOf !== undefined) {
      throw new ProviderError(
        `tenant ${inputs.tenant}: it shall be a copy, and of an earlier one its roles are left without their schema. ` +
          `Remove them: DROP ROLE ${identifiers(Object.keys(live.roles))};`,
      );
    }
    const found = parseMark(live.schema?.comment);
    // The answer to a COMMIT of this very call was lost.
    if (found?.token === mark.token) return false;
    const role = Object.keys(live.roles)[0] ?? "";
    assertAdoptable(
      {
        what: live.schema === null ? `PostgreSQL role "${role}"` : `PostgreSQL schema "${inputs.schema}"`,
        mark: found,
        data: live.schema === null ? undefined : await findData(session, live, inputs, files),
      },
      context.urn,
      inputs.tenant,
      context.adopt,
    );
    return mend(session, inputs, mark, "adopt", passwords);
  }

  return {
    async create(context, inputs, mark) {
      const server = pools.server(inputs.server);
      const files = await filesOfNew(dependencies, inputs);
      const passwords = await verifiersOf(inputs);
      const look: Task = { subject: `tenant ${inputs.tenant}`, doing: "looking for the schema" };
      const before = await pools.run(inputs.server, look, (session) => readLive(session, inputs, "brief"), context);
      assertFree(before.row, inputs.tenant, context.urn);
      const options: ScriptOptions = { server, mark, verifiers: passwords, files, event: "create" };
      const copy = isCopy(inputs) ? inputs : undefined;
      const script = copy === undefined ? createScript(inputs, options) : createInside(inputs, options);
      const left = await pools.run(
        inputs.server,
        { subject: `tenant ${inputs.tenant}`, doing: `creating the schema ${inputs.schema}` },
        async (session) => {
          try {
            if (copy !== undefined) await beginCopy(session, context, copy);
            await session.script(script);
            if (copy !== undefined) {
              await copyRows(session, context, copy);
              await session.script(createEnd(inputs, options));
            }
            return false;
          } catch (error) {
            if (!duplicates.has(codeOf(error) ?? "")) throw locate(error, script, files, inputs);
            await session.query("ROLLBACK");
            // A file of the tenant can fail in the same way; then there is nothing to take over.
            const live = await readLive(session, inputs, "brief");
            if (live.schema === null && Object.keys(live.roles).length === 0)
              throw locate(error, script, files, inputs);
            return await adopt(session, context, inputs, files, mark, passwords);
          }
        },
        { signal: context.signal },
      );
      if (left) await finish(context, inputs, mark, "adopt");
    },

    async recover(context, inputs, mark) {
      const files = renderFiles(dependencies, inputs);
      const passwords = await verifiersOf(inputs);
      const task: Task = { subject: `tenant ${inputs.tenant}`, doing: `taking over the schema ${inputs.schema}` };
      const work = async (session: Session) => {
        const live = await readLive(session, inputs, "brief");
        assertFree(live.row, inputs.tenant, context.urn);
        const found = live.schema === null ? null : parseMark(live.schema.comment);
        assertSource(`PostgreSQL schema "${inputs.schema}"`, found, inputs, context.urn);
        filesToApply(live, files, inputs);
        await session.script(takeRecordsSql(inputs, context));
        const left = found?.token !== mark.token && (await mend(session, inputs, mark, "recover", passwords));
        // Who came in between the restore and now had one of the source's passwords.
        await endSessions(session, inputs);
        return left;
      };
      const left = await pools.run(inputs.server, task, work, { exclusive: true, signal: context.signal });
      if (left) await finish(context, inputs, mark, "recover");
    },

    async change(context, outputs, news, mayMake = false) {
      const mark: Mark = { urn: context.urn, tenant: news.tenant, token: outputs.instanceToken };
      const event = eventOf(outputs, news);
      if (asksForFilesOnly(context, outputs, news)) {
        if (await applyMissing(dependencies, context, outputs, news, event)) return mark;
      }
      const passwords = await verifiersOf(news);
      const left = await pools.run(
        news.server,
        { subject: `tenant ${news.tenant}`, doing: `changing the schema ${news.schema} (${event})` },
        async (session) => {
          const live = await readLive(session, news, "brief");
          if (live.schema !== null || !mayMake) assertInstance(live, outputs);
          return mend(session, news, mark, event, passwords);
        },
        { exclusive: true, signal: context.signal },
      );
      if (left) await finish(context, news, mark, event);
      await mendShape(dependencies, context, outputs, news);
      return mark;
    },
  };
}

type Eventful = Pick<SchemaInputs, "state" | "password" | "readOnlyPassword">;

/** What the audit trail calls a change. */
export function eventOf(outputs: Eventful, news: Eventful): string {
  if (outputs.state !== news.state) {
    return { active: "resume", suspended: "suspend", offboarding: "offboard" }[news.state];
  }
  const rotated = outputs.password !== news.password || outputs.readOnlyPassword !== news.readOnlyPassword;
  return rotated ? "rotate" : "update";
}

/** @throws ProviderError for the id of a removed tenant, and for one of another stack. */
export function assertFree(row: Live["row"], tenant: string, urn: string): void {
  if (row === null) return;
  if (isTombstone(row.status)) {
    throw new ProviderError(
      `tenant ${tenant}: the id belongs to a tenant that was removed (${row.removedAt ?? "unknown when"}) ` +
        `and is never given again. Choose another id.`,
    );
  }
  const { project, stack } = originOf(urn);
  if (row.project !== project || row.stack !== stack) {
    throw new ProviderError(
      `tenant ${tenant}: the id belongs to the stack ${row.project}/${row.stack}, not to ${project}/${stack}. ` +
        `Choose another id: one database holds each id once.`,
    );
  }
}
