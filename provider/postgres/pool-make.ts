/** One transaction on a pool: made, or brought forward and mended. Handlers retry it whole. */
import { type CallContext, ProviderError } from "../handler.ts";
import type { PoolInputs } from "../inputs.ts";
import type { Mark } from "../mark.ts";
import { mendAsAdministrator } from "./administrator.ts";
import { leading } from "./applied.ts";
import { changeLock, eventSql } from "./catalogue.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import type { Difference } from "./difference.ts";
import type { Live } from "./live.ts";
import type { Session } from "./pool.ts";
import { grantApplicationSql } from "./drift-roles.ts";
import { loginDifferences, roleDifferences } from "./pool-drift.ts";
import { applyFiles, faultsText, missingFiles, partitionsSql, type PoolTemplate } from "./pool-files.ts";
import { hardeningDifferences, manifestFaults, viewDifferences } from "./pool-harden.ts";
import { type PoolCatalogue, type PoolLive, readPool, subjectOf, tenantTables } from "./pool-live.ts";
import { poolFaults } from "./pool-rules.ts";
import { infrastructureSql, loginSql } from "./pool-sql.ts";
import { identifier, identifiers, literal } from "./quote.ts";
import { grantSelf, type RenderedFile, setRole } from "./script.ts";

/** Whoever comes after a statement that waits for a lock waits behind it: so it waits briefly, and all is tried again. */
const begin = `BEGIN; SELECT ${changeLock}; SET LOCAL lock_timeout = '3s'; SET LOCAL search_path = pg_catalog, pg_temp;`;

/** What was made anew has no rights yet: they are seen, and given, at a next look. */
const mostRounds = 4;

/** What a pool is made to be. */
export interface Bringing {
  readonly inputs: PoolInputs;
  readonly template: PoolTemplate;
  readonly mark: Mark;
  /** What the audit trail says of it. */
  readonly event: string;
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

function look({ pools }: PostgresDependencies, session: Session, inputs: PoolInputs): Promise<PoolLive> {
  return readPool(session, inputs, pools.server(inputs.server).application?.user);
}

/** In the open transaction: all that an update mends by itself. */
async function mend(
  dependencies: PostgresDependencies,
  session: Session,
  inputs: PoolInputs,
  template: PoolTemplate,
  seen: PoolLive,
): Promise<PoolLive> {
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
    await session.script([...asProvisioner, setRole(inputs.ownerRole), ...asOwner, "SET LOCAL ROLE NONE;"].join("\n"));
    now = await look(dependencies, session, inputs);
  }
}

/**
 * In the open transaction: files, their partitions, and then the rules, before hardening makes of the new tables what a
 * pool's are.
 *
 * @param before - what was there: no file of now has made its faults
 */
async function bringForward(
  dependencies: PostgresDependencies,
  session: Session,
  inputs: PoolInputs,
  template: PoolTemplate,
  before: PoolCatalogue | undefined,
  files: readonly RenderedFile[],
): Promise<void> {
  if (files.length === 0) return;
  const known = new Set(before === undefined ? [] : poolFaults(before, inputs));
  const tables = before === undefined ? [] : tenantTables(before).filter(({ partition }) => !partition);
  await applyFiles(
    session,
    inputs,
    files,
    tables.map(({ name }) => name),
  );
  let now = await look(dependencies, session, inputs);
  const partitions = partitionsSql(now.catalogue, inputs);
  if (partitions.length > 0) {
    await session.script([setRole(inputs.ownerRole), ...partitions, "SET LOCAL ROLE NONE;"].join("\n"));
    now = await look(dependencies, session, inputs);
  }
  const last = template.files.at(-1)?.name;
  const faults = [
    ...poolFaults(now.catalogue, inputs).filter((fault) => !known.has(fault)),
    // The manifest is about all files: those that are still to come may make what it names.
    ...(files.some(({ name }) => name === last) ? manifestFaults(now, template.rules) : []),
  ];
  if (faults.length > 0) throw new ProviderError(faultsText(inputs, files, faults));
  await mend(dependencies, session, inputs, template, now);
}

/** @param live - what was there: roles may have outlived their schema, and are mended like everything else */
export async function makePool(
  dependencies: PostgresDependencies,
  session: Session,
  inputs: PoolInputs,
  template: PoolTemplate,
  mark: Mark,
  live: Live,
): Promise<void> {
  const { application, provisioner } = dependencies.pools.server(inputs.server);
  const { schema, ownerRole, appRole, readOnlyRole } = inputs;
  const [trusted] =
    application === undefined
      ? []
      : await session.query("SELECT FROM pg_catalog.pg_roles WHERE rolname = $1", [application.user]);
  const missing = [ownerRole, appRole, readOnlyRole].filter((role) => live.roles[role] === undefined);
  await session.script(
    [
      begin,
      "SET LOCAL createrole_self_grant = '';",
      ...missing.map((role) => `CREATE ROLE ${identifier(role)} NOLOGIN NOINHERIT;`),
      grantSelf(ownerRole),
      forgetFilesSql(inputs),
      ...(application === undefined || trusted === undefined ? [] : [grantApplicationSql(appRole, application.user)]),
      `CREATE SCHEMA ${identifier(schema)} AUTHORIZATION ${identifier(ownerRole)};`,
      `SET LOCAL ROLE ${identifier(ownerRole)};`,
      `GRANT USAGE ON SCHEMA ${identifier(schema)} TO ${identifiers([appRole, readOnlyRole])};`,
      markSql(inputs, mark),
      ...infrastructureSql(inputs),
      loginSql(inputs, provisioner.user, { kind: "provisioner" }),
      ...(application === undefined ? [] : [loginSql(inputs, application.user, { kind: "application" })]),
      "SET LOCAL ROLE NONE;",
    ].join("\n"),
  );
  const { files } = template;
  await bringForward(dependencies, session, inputs, template, undefined, files);
  await session.script([...recordsSql(inputs, files, "create"), "COMMIT;"].join("\n"));
}

/**
 * One transaction of mending, and of the files that are missing.
 *
 * @returns the file that is next and cannot run inside of a transaction; undefined where nothing is left
 */
export async function bringPool(
  dependencies: PostgresDependencies,
  context: CallContext,
  session: Session,
  { inputs, template, mark, event }: Bringing,
): Promise<RenderedFile | undefined> {
  await mendOutside(dependencies, session, inputs, template);
  await session.script(begin);
  const found = await look(dependencies, session, inputs);
  const missing = missingFiles(found.live, template.files, inputs.pool);
  const files = leading(missing);
  await session.script([setRole(inputs.ownerRole), markSql(inputs, mark), "SET LOCAL ROLE NONE;"].join("\n"));
  const mended = await mend(dependencies, session, inputs, template, found);
  for (const fault of event === "mend" ? [] : poolFaults(mended.catalogue, inputs)) {
    context.warn(`${subjectOf(inputs.pool)}: ${fault}; it was made from outside, and is left to a person`);
  }
  await bringForward(dependencies, session, inputs, template, mended.catalogue, files);
  await session.script([...recordsSql(inputs, files, event), "COMMIT;"].join("\n"));
  return missing[files.length];
}

/** Differences that only an administrator may mend, before everything else. */
async function mendOutside(
  dependencies: PostgresDependencies,
  session: Session,
  inputs: PoolInputs,
  template: PoolTemplate,
): Promise<void> {
  const { pools } = dependencies;
  await session.script(begin);
  const seen = await look(dependencies, session, inputs);
  await session.script("ROLLBACK");
  const statements = poolDifferences(seen, inputs, dependencies, template).flatMap(
    ({ asAdministrator }) => asAdministrator ?? [],
  );
  const object = `PostgreSQL schema "${inputs.schema}"`;
  await mendAsAdministrator(pools, { server: inputs.server, subject: subjectOf(inputs.pool), object }, statements);
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

export function recordsSql(inputs: PoolInputs, files: readonly RenderedFile[], event: string): string[] {
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
