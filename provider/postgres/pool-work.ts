/** A pool made, taken over, brought forward and mended: which transactions, in which order, and whose pool it has to be. */
import { type CallContext, ProviderError } from "../handler.ts";
import type { PoolInputs, PoolOutputs } from "../inputs.ts";
import { isInstance, type Mark, parseMark } from "../mark.ts";
import { aloneOptions, runConcurrently } from "./concurrent.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import type { Task } from "./faults.ts";
import type { Live } from "./live.ts";
import { Blockers } from "./lock-holders.ts";
import type { Session } from "./pool.ts";
import { assertPoolAdoptable, findPoolData } from "./pool-adopt.ts";
import { loadPoolTemplate, missingFiles } from "./pool-files.ts";
import { readBrief, subjectOf } from "./pool-live.ts";
import { type Bringing, bringPool, makePool, recordsSql } from "./pool-make.ts";
import { poolReference, poolShape } from "./pool-shape.ts";
import { mendItems } from "./schema-read.ts";
import type { RenderedFile } from "./script.ts";

export interface PoolWork {
  /** Makes the pool, or takes over what a crashed run left of it. */
  create(context: CallContext, inputs: PoolInputs, mark: Mark): Promise<void>;
  /** Makes the pool what the news ask; the mark keeps its token. */
  change(context: CallContext, outputs: PoolOutputs, news: PoolInputs): Promise<Mark>;
}

export function poolWork(dependencies: PostgresDependencies): PoolWork {
  const { pools } = dependencies;
  const task = (inputs: PoolInputs, doing: string): Task => ({ subject: subjectOf(inputs.pool), doing });

  /**
   * Transactions and files that run alone, in order, until no file is missing.
   *
   * @param admit - asked before each: whether the pool is this resource's
   */
  async function bringAll(
    context: CallContext,
    bringing: Bringing,
    admit: (session: Session, live: Live) => Promise<void>,
  ): Promise<void> {
    const { inputs, template, event } = bringing;
    for (;;) {
      const next = await pools.run(
        inputs.server,
        task(inputs, `changing the schema ${inputs.schema} (${event})`),
        async (session) => {
          await admit(session, await readBrief(session, inputs));
          return bringPool(dependencies, context, session, bringing);
        },
        { exclusive: true, signal: context.signal },
      );
      if (next === undefined) return;
      // It cannot be taken back: so its rules are looked at where nobody's rows are.
      await poolReference(dependencies, inputs, template.files.slice(0, template.files.indexOf(next) + 1));
      await applyAlone(context, bringing, next, admit);
    }
  }

  async function applyAlone(
    context: CallContext,
    { inputs, template, event }: Bringing,
    file: RenderedFile,
    admit: (session: Session, live: Live) => Promise<void>,
  ): Promise<void> {
    const blockers = new Blockers();
    const work = async (session: Session) => {
      const live = await readBrief(session, inputs);
      await admit(session, live);
      if (missingFiles(live, template.files, inputs.pool)[0]?.name !== file.name) return;
      await runConcurrently(session, context, { ...inputs, subject: subjectOf(inputs.pool) }, file);
      await session.script(["BEGIN;", ...recordsSql(inputs, [file], event), "COMMIT;"].join("\n"));
    };
    try {
      await pools.run(
        inputs.server,
        task(inputs, `applying ${file.name} to the schema ${inputs.schema}`),
        (session) => blockers.watch(session, inputs.schema, () => work(session)),
        { ...aloneOptions, signal: context.signal },
      );
    } catch (error) {
      throw blockers.explained(error);
    }
  }

  return {
    async create(context, inputs, mark) {
      const template = loadPoolTemplate(dependencies, inputs);
      const made = await pools.run(
        inputs.server,
        task(inputs, `creating the schema ${inputs.schema}`),
        async (session) => {
          const live = await readBrief(session, inputs);
          // The answer to a COMMIT of this very call may have been lost.
          if (live.schema !== null) return parseMark(live.schema.comment)?.token === mark.token;
          await makePool(dependencies, session, inputs, template, mark, live);
          return true;
        },
        { exclusive: true, signal: context.signal },
      );
      if (made) return;
      await bringAll(context, { inputs, template, mark, event: "adopt" }, async (session, live) => {
        const found = parseMark(live.schema?.comment);
        if (found?.token === mark.token) return;
        const data = found?.urn === context.urn ? await findPoolData(session, inputs, { written: false }) : [];
        assertPoolAdoptable(inputs, found, data, context.urn, context.adopt);
      });
    },

    async change(context, outputs, news) {
      const template = loadPoolTemplate(dependencies, news);
      const mark: Mark = { urn: context.urn, tenant: subjectOf(news.pool), token: outputs.instanceToken };
      const work = (event: string) =>
        bringAll(context, { inputs: news, template, mark, event }, (_session, live) => {
          assertInstance(live, outputs);
          return Promise.resolve();
        });
      await work("update");
      if (JSON.stringify(outputs.templateFiles) !== JSON.stringify(news.templateFiles)) return mark;
      const shape = await poolShape(dependencies, context, news, template);
      // What was made anew is hardened as a new table is.
      if (await mendItems(dependencies, context, subjectOf(news.pool), news, shape)) await work("mend");
      return mark;
    },
  };
}

/** @throws ProviderError when the schema is gone or is another instance's. */
function assertInstance(live: Live, outputs: PoolOutputs): void {
  const what = `${subjectOf(outputs.pool)}: PostgreSQL schema "${outputs.schema}"`;
  if (live.schema === null) {
    throw new ProviderError(
      `${what} is gone. Restore it from a backup, or run a refresh and then an update, which makes an empty one.`,
    );
  }
  const mark = parseMark(live.schema.comment);
  // A lost mark is written again: the state knows the schema as its own.
  if (mark === undefined || isInstance(mark, outputs)) return;
  throw new ProviderError(
    `${what} belongs to another instance (resource ${mark.urn}). Run a refresh; two stacks may not share a pool.`,
  );
}
