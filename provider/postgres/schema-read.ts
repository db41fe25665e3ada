/** What differs in a tenant's live schema, and the repair of what the script of an update does not know. */
import { type Finding, repairable, tellAll } from "../finding.ts";
import { type CallContext, ProviderError } from "../handler.ts";
import type { SchemaInputs, SchemaOutputs, SqlFile } from "../inputs.ts";
import { isInstance, parseMark } from "../mark.ts";
import { changeLock } from "./catalogue.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import { type Difference, toFinding } from "./difference.ts";
import { differences } from "./drift.ts";
import { iamLogins, type PlacedInputs } from "./drift-roles.ts";
import { shapeDifferences } from "./drift-shape.ts";
import type { Live } from "./live.ts";
import type { PostgresPools, Session } from "./pool.ts";
import { setRole } from "./script.ts";
import { describeShape } from "./shape.ts";
import { referenceShapes } from "./shape-reference.ts";
import { messageOf } from "../message.ts";

/** Keeps the time of the tenant's last read or write in the catalogue. */
export async function recordActivity(session: Session, inputs: SchemaInputs): Promise<void> {
  await session.query(
    `UPDATE platform.tenants SET last_activity = greatest(last_activity,
       (SELECT max(greatest(last_seq_scan, last_idx_scan)) FROM pg_catalog.pg_stat_user_tables WHERE schemaname = $1))
     WHERE id = $2`,
    [inputs.schema, inputs.tenant],
  );
}

/** Everything that differs, told to the context and given as sentences. */
export async function findDrift(
  dependencies: PostgresDependencies,
  context: CallContext,
  wanted: PlacedInputs,
  outputs: SchemaOutputs,
  live: Live,
): Promise<string[]> {
  const server = dependencies.pools.server(outputs.server);
  const found = [
    ...differences(live, wanted, server).map((difference) => toFinding(difference, server)),
    ...markFindings(live, outputs),
    ...catalogueFindings(live, wanted),
    ...(await proofOfLogins(dependencies.pools, wanted, live)),
    ...(await readShape(dependencies, context, wanted)).map((difference) => toFinding(difference, server)),
  ];
  return tellAll(context, found);
}

function markFindings(live: Live, outputs: SchemaOutputs): Finding[] {
  const mark = parseMark(live.schema?.comment);
  const field = `schema ${outputs.schema}: mark`;
  const should = `the mark of ${outputs.markUrn}`;
  if (mark === undefined) {
    return [repairable(field, "none", should, `the schema ${outputs.schema} has lost its mark`)];
  }
  if (isInstance(mark, outputs)) return [];
  return [
    {
      field,
      is: `the mark of ${mark.urn}`,
      should,
      sentence: `the schema ${outputs.schema} carries another instance's mark`,
      mend: "by hand",
      statements: ["-- two stacks may not share a schema: find out which state is the right one"],
    },
  ];
}

/** The catalogue's row is written by every update; files are noted when they are applied. */
function catalogueFindings(live: Live, wanted: SchemaInputs): Finding[] {
  const found: Finding[] = [];
  if (live.row === null) {
    found.push(
      repairable(
        `catalogue entry ${wanted.tenant}`,
        "missing",
        "there",
        `the catalogue has no entry of the tenant ${wanted.tenant}`,
      ),
    );
  }
  const applied = new Map(live.applied.map(({ origin, name, sha256 }) => [`${origin} ${name}`, sha256]));
  const files: [string, SqlFile][] = [
    ...wanted.templateFiles.map((file): [string, SqlFile] => ["template", file]),
    ...wanted.additionalFiles.map((file): [string, SqlFile] => ["tenant", file]),
  ];
  for (const [origin, { name, sha256 }] of files) {
    const noted = applied.get(`${origin} ${name}`);
    if (noted === sha256) continue;
    const is = noted ?? "not noted";
    found.push({
      field: `catalogue: applied file ${name}`,
      is,
      should: sha256,
      sentence: `the catalogue does not say that the file ${name} was applied`,
      mend: "by hand",
      statements: [
        `-- an update would apply it a second time: after a look at the tables, ` +
          `INSERT INTO platform.applied_files (schema_name, tenant, origin, name, sha256) ` +
          `VALUES ('${wanted.schema}', '${wanted.tenant}', '${origin}', '${name.replaceAll("'", "''")}', '${sha256}') ` +
          `ON CONFLICT (schema_name, origin, name) DO UPDATE SET sha256 = excluded.sha256;`,
      ],
    });
  }
  return found;
}

/** What differs from the template's shape; a warning, and nothing, where that cannot be found out. */
async function readShape(
  dependencies: PostgresDependencies,
  context: CallContext,
  inputs: SchemaInputs,
): Promise<Difference[]> {
  try {
    const wanted = await referenceShapes(dependencies).of(inputs);
    const task = { subject: `tenant ${inputs.tenant}`, doing: `describing the schema ${inputs.schema}` };
    const live = await dependencies.pools.run(inputs.server, task, async (session) => {
      // A view's text needs its lock for a moment; a tenant's own long change must not hold up everyone behind it.
      await session.script("BEGIN READ ONLY; SET LOCAL lock_timeout = '1s';");
      const items = await describeShape(session, inputs);
      await session.script("COMMIT");
      return items;
    });
    return shapeDifferences(live, wanted, inputs);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    context.warn(`the tables of the schema ${inputs.schema} could not be compared with the template: ${error.message}`);
    return [];
  }
}

/**
 * Makes anew what of the template's shape is missing and holds no data, each in a transaction of its own; the rest, and
 * what the server refuses, is told as a warning. Only where nothing else was to change: a new template's file and a
 * rotation are not to pay for it.
 */
export async function mendShape(
  dependencies: PostgresDependencies,
  context: CallContext,
  outputs: SchemaOutputs,
  news: SchemaInputs,
): Promise<void> {
  const asked = (inputs: SchemaInputs) =>
    JSON.stringify([
      inputs.state,
      inputs.password,
      inputs.readOnlyPassword,
      inputs.templateFiles,
      inputs.additionalFiles,
      inputs.connectionLimit,
      inputs.readOnlyConnectionLimit,
    ]);
  if (asked(outputs) !== asked(news)) return;
  const found = await readShape(dependencies, context, news);
  await mendItems(dependencies, context, `tenant ${news.tenant}`, news, found);
}

/**
 * Each in a transaction of its own; what is left to a person, and what the server refuses, is told as a warning.
 *
 * @returns whether anything was mended
 */
export async function mendItems(
  { pools }: PostgresDependencies,
  context: CallContext,
  subject: string,
  { server, schema, ownerRole }: Pick<SchemaInputs, "server" | "schema" | "ownerRole">,
  found: readonly Difference[],
): Promise<boolean> {
  const task = { subject, doing: `mending the schema ${schema}` };
  let mended = false;
  for (const { sentence, asOwner, byHand } of found) {
    if (asOwner === undefined) {
      context.warn(`${sentence}; this is left to a person: ${(byHand ?? []).join(" ")}`);
      continue;
    }
    if (asOwner.length === 0) continue;
    const script = [
      `BEGIN; SELECT ${changeLock}; SET LOCAL lock_timeout = '2s'; ${setRole(ownerRole)}`,
      ...asOwner,
      "SET LOCAL ROLE NONE; COMMIT;",
    ].join("\n");
    try {
      await pools.run(server, task, (session) => session.script(script), { exclusive: true, signal: context.signal });
      mended = true;
    } catch (error) {
      context.warn(`${sentence}, and could not be made anew: ${messageOf(error)}`);
    }
  }
  return mended;
}

type ProvenLogins = Pick<
  PlacedInputs,
  "server" | "tenant" | "state" | "connection" | "appRole" | "readOnlyRole" | "password" | "readOnlyPassword"
>;

/** Logins whose password is not the state's; only a login proves it. */
export async function proofOfLogins(
  pools: PostgresPools,
  inputs: ProvenLogins,
  live: Pick<Live, "roles" | "memberships">,
): Promise<Finding[]> {
  if (inputs.state !== "active") return [];
  const found: Finding[] = [];
  const logins = [
    { user: inputs.appRole, password: inputs.password },
    { user: inputs.readOnlyRole, password: inputs.readOnlyPassword },
  ];
  const byIam = iamLogins(live, inputs);
  for (const login of logins) {
    // A role that may not log in is told about already; of one that logs in by IAM the server takes no password.
    if (live.roles[login.user]?.login !== true || byIam.includes(login.user)) continue;
    const task = { subject: `tenant ${inputs.tenant}`, doing: `logging in as ${login.user}` };
    if (!(await pools.canLogIn(inputs.server, login, task))) {
      const sentence = `the password of the role ${login.user} is not the one of the state`;
      found.push(repairable(`role ${login.user}: password`, "refused at a login", "the one of the state", sentence));
    }
  }
  return found;
}
