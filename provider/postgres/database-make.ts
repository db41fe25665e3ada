/**
 * The steps that make a tenant's database. CREATE DATABASE cannot be in a transaction with what follows, so it makes one
 * of another name that nobody can connect to; the tenant's name appears together with its mark and without PUBLIC's
 * rights. Whatever step a run ended after, the next run goes on from there.
 */
import { createHash } from "node:crypto";
import { type CallContext, ProviderError } from "../handler.ts";
import type { DatabaseInputs } from "../inputs.ts";
import { type Mark, parseMark } from "../mark.ts";
import {
  catalogueFaults,
  createDbSql,
  type Demands,
  missingOf,
  noCreateDb,
  readFacts,
  type Requirement,
} from "./baseline-rules.ts";
import { assertOffered, assertVersion } from "./baseline-support.ts";
import { catalogueSql } from "./catalogue.ts";
import { readDatabase } from "./database-live.ts";
import { databaseLimit, type Place } from "./database-place.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import type { Task } from "./faults.ts";
import type { PostgresPools, Session } from "./pool.ts";
import { identifier, integer, literal } from "./quote.ts";

/** Begin of the names of databases that are not finished; no tenant's name begins so. */
export const scratchPrefix = "tenancy_new_";

/** The same for the same resource: a crashed run's is found again. */
export function scratchName(urn: string): string {
  return `${scratchPrefix}${createHash("sha256").update(urn).digest("hex").slice(0, 24)}`;
}

export function demandsOf(inputs: DatabaseInputs, place: Place): Demands {
  return { kind: place.apart ? "apart" : "own", extensions: inputs.extensions, databases: false };
}

export async function makeDatabase(
  pools: PostgresPools,
  context: CallContext,
  place: Place,
  inputs: DatabaseInputs,
  mark: Mark,
): Promise<void> {
  const task: Task = { subject: `tenant ${inputs.tenant}`, doing: `creating the database ${inputs.database}` };
  const scratch = identifier(scratchName(context.urn));
  const name = identifier(inputs.database);
  await pools.run(
    place.outside,
    task,
    async (session) => {
      // The answer to the COMMIT of an earlier attempt was lost.
      const there = await readDatabase(session, inputs);
      if (parseMark(there?.comment)?.token === mark.token) return;
      await assertAble(session, inputs, place);
      if (!(await hasScratch(session, inputs, place, context.urn))) {
        await session.script(
          `CREATE DATABASE ${scratch} TEMPLATE template0 ALLOW_CONNECTIONS false ` +
            `CONNECTION LIMIT ${integer(databaseLimit(inputs))}`,
        );
      }
      await session.script(
        [
          `BEGIN; REVOKE ALL ON DATABASE ${scratch} FROM PUBLIC;`,
          `COMMENT ON DATABASE ${scratch} IS ${literal(JSON.stringify(mark))};`,
          `ALTER DATABASE ${scratch} ALLOW_CONNECTIONS true;`,
          `ALTER DATABASE ${scratch} RENAME TO ${name};`,
          "COMMIT;",
        ].join("\n"),
      );
    },
    { signal: context.signal },
  );
}

/** @throws ProviderError for a server that is too old, and a provisioner that may not create databases. */
async function assertAble(session: Session, inputs: DatabaseInputs, { server }: Place): Promise<void> {
  const [row] = await session.query<{ version: number; may: boolean }>(
    "SELECT current_setting('server_version_num')::int AS version, rolcreatedb AS may " +
      "FROM pg_catalog.pg_roles WHERE rolname = current_user",
  );
  assertVersion(`tenant ${inputs.tenant}`, row?.version ?? 0);
  if (row?.may === true) return;
  const { user } = server.provisioner;
  throw new ProviderError(
    `tenant ${inputs.tenant}: PostgreSQL database "${inputs.database}" cannot be created: ${noCreateDb(user)}. ` +
      `The Baseline of the server gives it where the platform names an administrator and a tenant of the server has ` +
      `the tier silo; otherwise an administrator has to run: ${createDbSql(user)}`,
  );
}

/** @throws ProviderError when the name is somebody else's, or somebody was in it. */
async function hasScratch(session: Session, inputs: DatabaseInputs, place: Place, urn: string): Promise<boolean> {
  const name = scratchName(urn);
  const left = await readDatabase(session, { ...inputs, database: name });
  if (left === null) return false;
  if (left.owner === place.server.provisioner.user && !left.allowsConnections) return true;
  throw new ProviderError(
    `tenant ${inputs.tenant}: PostgreSQL database "${name}" stands where the tenant's has to be made, belongs to ` +
      `${left.owner} and ${left.allowsConnections ? "allows" : "refuses"} connections, which none of this tool's does. ` +
      `Look whose it is and remove it: DROP DATABASE ${identifier(name)};`,
  );
}

/** Hardening, extensions and the schema `platform` inside of the database: all that is missing of it. */
export async function hardenDatabase(
  { pools, templates }: PostgresDependencies,
  context: CallContext,
  place: Place,
  inputs: DatabaseInputs,
): Promise<void> {
  const subject = `tenant ${inputs.tenant}`;
  const { server, inside } = place;
  const demands = demandsOf(inputs, place);
  const task: Task = { subject, doing: `hardening the database ${inputs.database}` };
  const harden = async (session: Session) => {
    const before = await readFacts(session, server);
    assertOffered(subject, inputs.extensions, before, templates);
    const missing = missingOf(before, server, demands);
    const mine = missing.filter(({ asOwner }) => asOwner);
    const others = missing.filter(({ asOwner }) => !asOwner);
    if (mine.length > 0) await session.script(transaction(mine));
    if (others.length > 0 && server.admin !== undefined) {
      await pools.runAs(inside, server.admin, task, (administrator) => administrator.script(transaction(others)));
    }
    const after = missing.length > 0 ? await readFacts(session, server) : before;
    const left = missingOf(after, server, demands);
    if (left.length > 0) throw new ProviderError(unfinishedText(inputs, left));
    if (catalogueFaults(after, server).length === 0) return;
    await session.script(`BEGIN;\n${catalogueSql}\nCOMMIT;`);
    const faults = catalogueFaults(await readFacts(session, server), server);
    if (faults.length === 0) return;
    throw new ProviderError(
      `${subject}: PostgreSQL database "${inputs.database}": ${faults.join("; ")}. Remove or rename what stands there.`,
    );
  };
  await pools.run(inside, task, harden, { signal: context.signal });
}

function transaction(missing: readonly Requirement[]): string {
  return `BEGIN;\n${missing.map(({ sql }) => sql).join("\n")}\nCOMMIT;`;
}

function unfinishedText({ tenant, database }: DatabaseInputs, left: readonly Requirement[]): string {
  return (
    `tenant ${tenant}: PostgreSQL database "${database}" is not finished: ${left.length} things are missing that the ` +
    `provisioner may not do:\n${left.map(({ missing }) => `- ${missing}`).join("\n")}\n` +
    `An administrator has to run this in the database ${database}, and then the same command goes on:\n` +
    left.map(({ sql }) => sql).join("\n")
  );
}

/**
 * What of somebody's lies in the database beside the tenant's schema.
 *
 * @param schema - the tenant's; undefined where there must be none
 * @returns as in `schema reports is none of this tool's`; undefined where there is nothing
 */
export async function foreignObject(session: Session, schema: string | undefined): Promise<string | undefined> {
  const [row] = await session.query<{ what: string }>(
    `SELECT 'schema ' || nspname AS what FROM pg_catalog.pg_namespace
       WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'extensions', 'platform', 'information_schema', coalesce($1, ''))
     UNION ALL SELECT CASE c.relkind WHEN 'S' THEN 'sequence ' ELSE 'table ' END || n.nspname || '.' || c.relname
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname IN ('public', 'extensions') AND c.relkind IN ('r', 'p', 'm', 'f', 'v', 'S')
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
           WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
     UNION ALL SELECT 'large object ' || oid FROM pg_catalog.pg_largeobject_metadata
     ORDER BY 1 LIMIT 1`,
    [schema ?? null],
  );
  return row === undefined ? undefined : `${row.what} is none of its files'`;
}
