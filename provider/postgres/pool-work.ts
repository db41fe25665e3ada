/** A pool made, taken over, brought forward and mended. */
import { type CallContext, ProviderError } from "../handler.ts";
import type { PoolInputs, PoolOutputs } from "../inputs.ts";
import { isInstance, type Mark, parseMark } from "../mark.ts";
import { changeLock, eventSql } from "./catalogue.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import type { Difference } from "./difference.ts";
import type { Task } from "./faults.ts";
import type { Session } from "./pool.ts";
import { assertPoolAdoptable, findPoolData } from "./pool-adopt.ts";
import { grantApplicationSql, loginDifferences, roleDifferences } from "./pool-drift.ts";
import { applyFiles, loadPoolTemplate, missingFiles, partitionsSql, type PoolTemplate } from "./pool-files.ts";
import { hardeningDifferences, manifestFaults, viewDifferences } from "./pool-harden.ts";
import { type PoolLive, readBrief, readPool, subjectOf, tenantTables } from "./pool-live.ts";
import { poolFaults } from "./pool-rules.ts";
import { poolShape } from "./pool-shape.ts";
import { infrastructureSql, loginSql } from "./pool-sql.ts";
import { identifier, identifiers, literal } from "./quote.ts";
import { mendItems } from "./schema-read.ts";
import { grantSelf, type RenderedFile, setRole } from "./script.ts";

/** Whoever comes after a statement that waits for a lock waits behind it: so it waits briefly, and all is tried again. */
const begin = `BEGIN; SELECT ${changeLock}; SET LOCAL lock_timeout = '3s'; SET LOCAL search_path = pg_catalog, pg_temp;`;

/** What was made anew has no rights yet: they are seen, and given, at a next look. */
const mostRounds = 4;

export interface PoolWork {
  /** Makes the pool, or takes over what a crashed run left of it. */
  create(context: CallContext, inputs: PoolInputs, mark: Mark): Promise<void>;
  /** Makes the pool what the news ask; the mark keeps its token. */
  change(context: CallContext, outputs: PoolOutputs, news: PoolInputs): Promise<Mark>;
}

/** Everything that differs and that an update mends by itself, but for the shape of tables. */
export function poolDifferences(
  seen: PoolLive,
  inputs: PoolInputs,
  { pools }: Pick<PostgresDependencies, "pools">,
  { rules }: Pick<PoolTemplate, "rules">,
): Difference[] {
  const server = pools.server(inputs.server);
  return [
    ...roleDifferences(seen, inputs, server),
    ...(seen.logins === null ? [infrastructureDifference(inputs)] : loginDifferences(seen, inputs, server)),
    ...hardeningDifferences(seen, inputs, rules),
    ...viewDifferences(seen, inputs),
  ];
}

function infrastructureDifference(inputs: PoolInputs): Difference {
  return {
    sentence: `the tables of the tool in the schema ${inputs.schema} are not all there, or not its owner's`,
    field: `schema ${inputs.schema}: tables of the tool`,
    is: "missing",
    should: "there",
    asOwner: infrastructureSql(inputs),
  };
}

export function poolWork(dependencies: PostgresDependencies): PoolWork {
  const { pools } = dependencies;
  const task = (inputs: PoolInputs, doing: string): Task => ({ subject: subjectOf(inputs.pool), doing });

  async function look(session: Session, inputs: PoolInputs): Promise<PoolLive> {
    return readPool(session, inputs, pools.server(inputs.server).application?.user);
  }

  /** In the open transaction: all that an update mends by itself. */
  async function mend(session: Session, inputs: PoolInputs, template: PoolTemplate, seen: PoolLive): Promise<PoolLive> {
    let now = seen;
    for (let round = 1; ; round += 1) {
      const found = poolDifferences(now, inputs, dependencies, template);
      const asProvisioner = found.flatMap((difference) => difference.asProvisioner ?? []);
      const asOwner = found.flatMap((difference) => difference.asOwner ?? []);
      if (asProvisioner.length + asOwner.length === 0) return now;
      if (round === mostRounds) {
        throw new ProviderError(
          `${subjectOf(inputs.pool)}: the schema ${inputs.schema} could not be made what it has to be: ` +
            found.map(({ sentence }) => sentence).join("; "),
        );
      }
      await session.script(
        [...asProvisioner, setRole(inputs.ownerRole), ...asOwner, "SET LOCAL ROLE NONE;"].join("\n"),
      );
      now = await look(session, inputs);
    }
  }

  /**
   * In the open transaction: files, their partitions, and then the rules, before hardening makes of the new tables what a
   * pool's are.
   *
   * @param known - faults that were there before: no file of now has made them
   */
  async function bringForward(
    session: Session,
    inputs: PoolInputs,
    template: PoolTemplate,
    seen: PoolLive,
    files: readonly RenderedFile[],
  ): Promise<PoolLive> {
    if (files.length === 0) return seen;
    const known = new Set(poolFaults(seen.catalogue, inputs));
    const tables = tenantTables(seen.catalogue).filter(({ partition }) => !partition);
    await applyFiles(
      session,
      inputs,
      files,
      tables.map(({ name }) => name),
    );
    let now = await look(session, inputs);
    const partitions = partitionsSql(now.catalogue, inputs);
    if (partitions.length > 0) {
      await session.script([setRole(inputs.ownerRole), ...partitions, "SET LOCAL ROLE NONE;"].join("\n"));
      now = await look(session, inputs);
    }
    const last = template.files.at(-1)?.name;
    const faults = [
      ...poolFaults(now.catalogue, inputs).filter((fault) => !known.has(fault)),
      // The manifest is about all files: those that are still to come may make what it names.
      ...(files.some(({ name }) => name === last) ? manifestFaults(now, template.rules) : []),
    ];
    if (faults.length > 0) throw new ProviderError(faultsText(inputs, files, faults));
    return mend(session, inputs, template, now);
  }

  async function make(session: Session, inputs: PoolInputs, template: PoolTemplate, mark: Mark): Promise<void> {
    const { application, provisioner } = pools.server(inputs.server);
    await session.script(begin);
    const before = await look(session, inputs);
    const trusted = before.application === true ? application?.user : undefined;
    // Roles that outlived their schema: what they are and who is a member is mended like everything else.
    const missing = [inputs.ownerRole, inputs.appRole, inputs.readOnlyRole].filter(
      (role) => before.live.roles[role] === undefined,
    );
    await session.script(
      [
        "SET LOCAL createrole_self_grant = '';",
        ...missing.map((role) => `CREATE ROLE ${identifier(role)} NOLOGIN NOINHERIT;`),
        grantSelf(inputs.ownerRole),
        forgetFilesSql(inputs),
        ...(trusted === undefined ? [] : [grantApplicationSql(inputs.appRole, trusted)]),
        `CREATE SCHEMA ${identifier(inputs.schema)} AUTHORIZATION ${identifier(inputs.ownerRole)};`,
        `SET LOCAL ROLE ${identifier(inputs.ownerRole)};`,
        `GRANT USAGE ON SCHEMA ${identifier(inputs.schema)} TO ${identifiers([inputs.appRole, inputs.readOnlyRole])};`,
        markSql(inputs, mark),
        ...infrastructureSql(inputs),
        loginSql(inputs, provisioner.user, { kind: "provisioner" }),
        ...(application === undefined ? [] : [loginSql(inputs, application.user, { kind: "application" })]),
        "SET LOCAL ROLE NONE;",
      ].join("\n"),
    );
    const made = await look(session, inputs);
    await bringForward(session, inputs, template, made, template.files);
    await session.script([...recordsSql(inputs, template.files, "create"), "COMMIT;"].join("\n"));
  }

  /** One transaction of mending, and of the files that are missing. */
  async function bring(
    context: CallContext,
    session: Session,
    inputs: PoolInputs,
    template: PoolTemplate,
    mark: Mark,
    event: string,
  ): Promise<void> {
    await mendAsAdministrator(session, inputs, template);
    await session.script(begin);
    const found = await look(session, inputs);
    const files = missingFiles(found.live, template.files, inputs.pool);
    await session.script([setRole(inputs.ownerRole), markSql(inputs, mark), "SET LOCAL ROLE NONE;"].join("\n"));
    const mended = await mend(session, inputs, template, found);
    for (const fault of poolFaults(mended.catalogue, inputs)) {
      context.warn(`${subjectOf(inputs.pool)}: ${fault}; it was made from outside, and is left to a person`);
    }
    await bringForward(session, inputs, template, mended, files);
    await session.script([...recordsSql(inputs, files, event), "COMMIT;"].join("\n"));
  }

  /** Differences that only an administrator may mend are mended by the configured one, else told. */
  async function mendAsAdministrator(session: Session, inputs: PoolInputs, template: PoolTemplate): Promise<void> {
    await session.script(begin);
    const seen = await look(session, inputs);
    await session.script("ROLLBACK");
    const statements = poolDifferences(seen, inputs, dependencies, template).flatMap(
      ({ asAdministrator }) => asAdministrator ?? [],
    );
    if (statements.length === 0) return;
    const { admin, database } = pools.server(inputs.server);
    if (admin === undefined) {
      throw new ProviderError(
        `${subjectOf(inputs.pool)}: PostgreSQL schema "${inputs.schema}" was changed from outside in a way that only an ` +
          `administrator can mend. Run this in the database ${database}:\n${statements.join("\n")}`,
      );
    }
    await pools.runAs(inputs.server, admin, task(inputs, "mending as the administrator"), (one) =>
      one.script(`BEGIN;\n${statements.join("\n")}\nCOMMIT;`),
    );
  }

  return {
    async create(context, inputs, mark) {
      const template = loadPoolTemplate(dependencies, inputs);
      await pools.run(
        inputs.server,
        task(inputs, `creating the schema ${inputs.schema}`),
        async (session) => {
          const live = await readBrief(session, inputs);
          if (live.schema === null) {
            await make(session, inputs, template, mark);
            return;
          }
          const found = parseMark(live.schema.comment);
          // The answer to a COMMIT of this very call was lost.
          if (found?.token === mark.token) return;
          const data = found?.urn === context.urn ? await findPoolData(session, inputs, { written: false }) : [];
          assertPoolAdoptable(inputs, found, data, context.urn, context.adopt);
          await bring(context, session, inputs, template, mark, "adopt");
        },
        { exclusive: true, signal: context.signal },
      );
    },

    async change(context, outputs, news) {
      const template = loadPoolTemplate(dependencies, news);
      const mark: Mark = { urn: context.urn, tenant: subjectOf(news.pool), token: outputs.instanceToken };
      const work = (event: string) =>
        pools.run(
          news.server,
          task(news, `changing the schema ${news.schema} (${event})`),
          async (session) => {
            assertInstance(await readBrief(session, news), outputs);
            await bring(context, session, news, template, mark, event);
          },
          { exclusive: true, signal: context.signal },
        );
      await work("update");
      if (JSON.stringify(outputs.templateFiles) !== JSON.stringify(news.templateFiles)) return mark;
      const shape = await poolShape(dependencies, context, news, template);
      // What was made anew is hardened as a new table is.
      if (await mendItems(dependencies, context, subjectOf(news.pool), news, shape)) await work("mend");
      return mark;
    },
  };
}

function markSql(inputs: PoolInputs, mark: Mark): string {
  return `COMMENT ON SCHEMA ${identifier(inputs.schema)} IS ${literal(JSON.stringify(mark))};`;
}

/** A pool that has to be made has no file applied and no tenant filled, whatever an earlier one had. */
export function forgetFilesSql({ schema }: Pick<PoolInputs, "schema">): string {
  return (
    `DELETE FROM platform.applied_files WHERE schema_name = ${literal(schema)} ` +
    `OR starts_with(schema_name, ${literal(`${schema}/`)});`
  );
}

function recordsSql(inputs: PoolInputs, files: readonly RenderedFile[], event: string): string[] {
  const subject = subjectOf(inputs.pool);
  const rows = files.map(
    ({ origin, name, sha256 }) => `(${[inputs.schema, subject, origin, name, sha256].map(literal).join(", ")})`,
  );
  return [
    ...(rows.length > 0
      ? [`INSERT INTO platform.applied_files (schema_name, tenant, origin, name, sha256) VALUES ${rows.join(", ")};`]
      : []),
    eventSql(subject, event, { store: "postgres", schema: inputs.schema, files: files.map(({ name }) => name) }),
  ];
}

/** @throws ProviderError when the schema is gone or is another instance's. */
function assertInstance(live: PoolLive["live"], outputs: PoolOutputs): void {
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

function faultsText(inputs: PoolInputs, files: readonly RenderedFile[], faults: readonly string[]): string {
  return (
    `${subjectOf(inputs.pool)}: the template "${inputs.template}" is not safe to share (after ` +
    `${files.map(({ name }) => name).join(", ")}), and nothing of it was kept:\n` +
    faults.map((fault) => `- ${fault}`).join("\n")
  );
}
