/**
 * The work on a tenant's schema in one database, the shared one or a database of its own: made in one transaction, taken
 * over where a crashed run left it, and mended. Handlers say which database, and keep their own marks.
 */
import type { PostgresServer } from "../config.ts";
import { type CallContext, ProviderError } from "../handler.ts";
import type { SchemaInputs, SchemaOutputs } from "../inputs.ts";
import { assertAdoptable, isInstance, type Mark, parseMark } from "../mark.ts";
import { isTombstone, originOf } from "./catalogue.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import { differences } from "./drift.ts";
import { codeOf, type Task } from "./faults.ts";
import { editedText, renderFiles } from "./files.ts";
import { assertSource, type RecoveredInputs, takeRecordsSql } from "./database-recover.ts";
import { type Live, readLive } from "./live.ts";
import type { Session } from "./pool.ts";
import { mendShape } from "./schema-read.ts";
import { createScript, mendScript, type RenderedFile, type ScriptOptions, type Verifiers } from "./script.ts";
import { scramVerifier } from "./scram.ts";
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

  /** Differences that only an administrator may mend are mended by the configured one, else told. */
  async function mendAsAdministrator(inputs: SchemaInputs, server: PostgresServer, statements: readonly string[]) {
    if (statements.length === 0) return;
    if (server.admin === undefined) {
      throw new ProviderError(
        `tenant ${inputs.tenant}: PostgreSQL schema "${inputs.schema}" was changed from outside in a way that only ` +
          `an administrator can mend. Run this in the database ${server.database}:\n${statements.join("\n")}`,
      );
    }
    const task = { subject: `tenant ${inputs.tenant}`, doing: "mending as the administrator" };
    await pools.runAs(inputs.server, server.admin, task, (session) =>
      session.script(`BEGIN;\n${statements.join("\n")}\nCOMMIT;`),
    );
  }

  /** Makes a schema that is there what the inputs ask, with this mark. */
  async function mend(session: Session, inputs: SchemaInputs, mark: Mark, event: string, passwords: Verifiers) {
    const server = pools.server(inputs.server);
    const live = await readLive(session, inputs, "full");
    const files = filesToApply(live, renderFiles(dependencies, inputs), inputs);
    const outside = differences(live, inputs, server).flatMap(({ asAdministrator }) => asAdministrator ?? []);
    await mendAsAdministrator(inputs, server, outside);
    const now = outside.length > 0 ? await readLive(session, inputs, "full") : live;
    const found = differences(now, inputs, server);
    const options: ScriptOptions = { server, mark, verifiers: passwords, files, event };
    await session.script(mendScript(now, inputs, found, options));
    // What was made anew (a role, a schema) has no rights yet: they are seen, and mended, at a second look.
    const after = await readLive(session, inputs, "full");
    const left = differences(after, inputs, server);
    if (left.length > 0) {
      await mendAsAdministrator(
        inputs,
        server,
        left.flatMap(({ asAdministrator }) => asAdministrator ?? []),
      );
      await session.script(mendScript(after, inputs, left, { ...options, files: [] }));
    }
    if (inputs.state !== "active") await endSessions(session, inputs);
  }

  async function adopt(
    session: Session,
    context: CallContext,
    inputs: SchemaInputs,
    files: readonly RenderedFile[],
    mark: Mark,
    passwords: Verifiers,
  ): Promise<void> {
    const live = await readLive(session, inputs, "brief");
    assertFree(live.row, inputs.tenant, context.urn);
    const found = parseMark(live.schema?.comment);
    // The answer to a COMMIT of this very call was lost.
    if (found?.token === mark.token) return;
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
    await mend(session, inputs, mark, "adopt", passwords);
  }

  return {
    async create(context, inputs, mark) {
      const server = pools.server(inputs.server);
      const files = renderFiles(dependencies, inputs);
      const passwords = await verifiers(inputs);
      const look: Task = { subject: `tenant ${inputs.tenant}`, doing: "looking for the schema" };
      const before = await pools.run(inputs.server, look, (session) => readLive(session, inputs, "brief"), context);
      assertFree(before.row, inputs.tenant, context.urn);
      const script = createScript(inputs, { server, mark, verifiers: passwords, files, event: "create" });
      await pools.run(
        inputs.server,
        { subject: `tenant ${inputs.tenant}`, doing: `creating the schema ${inputs.schema}` },
        async (session) => {
          try {
            await session.script(script);
          } catch (error) {
            if (!duplicates.has(codeOf(error) ?? "")) throw locate(error, script, files, inputs);
            await session.query("ROLLBACK");
            // A file of the tenant can fail in the same way; then there is nothing to take over.
            const live = await readLive(session, inputs, "brief");
            if (live.schema === null && Object.keys(live.roles).length === 0)
              throw locate(error, script, files, inputs);
            await adopt(session, context, inputs, files, mark, passwords);
          }
        },
        { signal: context.signal },
      );
    },

    async recover(context, inputs, mark) {
      const files = renderFiles(dependencies, inputs);
      const passwords = await verifiers(inputs);
      const task: Task = { subject: `tenant ${inputs.tenant}`, doing: `taking over the schema ${inputs.schema}` };
      const work = async (session: Session) => {
        const live = await readLive(session, inputs, "brief");
        assertFree(live.row, inputs.tenant, context.urn);
        const found = live.schema === null ? null : parseMark(live.schema.comment);
        assertSource(`PostgreSQL schema "${inputs.schema}"`, found, inputs, context.urn);
        filesToApply(live, files, inputs);
        await session.script(takeRecordsSql(inputs, context));
        if (found?.token !== mark.token) await mend(session, inputs, mark, "recover", passwords);
        // Who came in between the restore and now had one of the source's passwords.
        await endSessions(session, inputs);
      };
      await pools.run(inputs.server, task, work, { exclusive: true, signal: context.signal });
    },

    async change(context, outputs, news, mayMake = false) {
      const passwords = await verifiers(news);
      const mark: Mark = { urn: context.urn, tenant: news.tenant, token: outputs.instanceToken };
      const event = eventOf(outputs, news);
      await pools.run(
        news.server,
        { subject: `tenant ${news.tenant}`, doing: `changing the schema ${news.schema} (${event})` },
        async (session) => {
          const live = await readLive(session, news, "brief");
          if (live.schema !== null || !mayMake) assertInstance(live, outputs);
          await mend(session, news, mark, event, passwords);
        },
        { exclusive: true, signal: context.signal },
      );
      await mendShape(dependencies, context, outputs, news);
      return mark;
    },
  };
}

async function verifiers(inputs: SchemaInputs): Promise<Verifiers> {
  const [app, readOnly] = await Promise.all([scramVerifier(inputs.password), scramVerifier(inputs.readOnlyPassword)]);
  return { app, readOnly };
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

/** @throws ProviderError when the schema is gone or is another instance's. */
function assertInstance(live: Live, outputs: SchemaOutputs): void {
  if (live.schema === null) {
    throw new ProviderError(
      `tenant ${outputs.tenant}: PostgreSQL schema "${outputs.schema}" is gone. ` +
        `Restore it from a backup, or run a refresh and then an update, which makes an empty one.`,
    );
  }
  const mark = parseMark(live.schema.comment);
  // A lost mark is written again: the state knows the schema as its own.
  if (mark === undefined || isInstance(mark, outputs)) return;
  throw new ProviderError(
    `tenant ${outputs.tenant}: PostgreSQL schema "${outputs.schema}" belongs to another instance ` +
      `(resource ${mark.urn}). Run a refresh; two stacks may not share a schema.`,
  );
}

/** @throws ProviderError for a file that is not what was applied. */
function filesToApply(live: Live, files: readonly RenderedFile[], inputs: SchemaInputs): RenderedFile[] {
  // A schema that has to be made has no file applied, whatever an earlier one had.
  if (live.schema === null) return [...files];
  const applied = new Map(live.applied.map(({ origin, name, sha256 }) => [`${origin} ${name}`, sha256]));
  return files.filter(({ origin, name, sha256 }) => {
    const before = applied.get(`${origin} ${name}`);
    if (before !== undefined && before !== sha256) {
      throw new ProviderError(`tenant ${inputs.tenant}: ${editedText(name, before, sha256)}`);
    }
    return before === undefined;
  });
}

/** Names file and line of a statement that failed. */
export function locate(
  error: unknown,
  script: string,
  files: readonly Pick<RenderedFile, "name" | "sql">[],
  inputs: Pick<SchemaInputs, "tenant">,
): unknown {
  if (!(error instanceof Error) || !("position" in error)) return error;
  const position = Number(error.position) - 1;
  // The server counts characters, not UTF-16 units.
  const before = Array.from(script).slice(0, position).join("").length;
  for (const file of files) {
    const start = script.indexOf(file.sql);
    if (start >= 0 && before >= start && before < start + file.sql.length) {
      const line = script.slice(start, before).split("\n").length;
      return new ProviderError(
        `tenant ${inputs.tenant}: PostgreSQL refused the file ${file.name}, line ${line}: ${error.message}. ` +
          `Nothing of the tenant was made; correct the file and run the command again.`,
      );
    }
  }
  return error;
}
