/** The tables of a pool compared with what its template gives, but for what hardening makes and mends itself. */
import { type CallContext, ProviderError } from "../handler.ts";
import type { PoolInputs } from "../inputs.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import type { Difference } from "./difference.ts";
import { isVectorIndex, shapeDifferences } from "./drift-shape.ts";
import type { Session } from "./pool.ts";
import { applyFiles, faultsText, type PoolTemplate, partitionsSql } from "./pool-files.ts";
import { readCatalogue, subjectOf } from "./pool-live.ts";
import { poolFaults } from "./pool-rules.ts";
import { infrastructureSql, poolFunctions } from "./pool-sql.ts";
import { identifier } from "./quote.ts";
import type { RenderedFile } from "./script.ts";
import { setRole } from "./script.ts";
import { describeShape, type Item, type ShapeNames } from "./shape.ts";
import { referenceShapes } from "./shape-reference.ts";

/**
 * @returns a warning, and no difference, where that cannot be found out
 */
export async function poolShape(
  dependencies: PostgresDependencies,
  context: CallContext,
  inputs: PoolInputs,
  { files }: Pick<PoolTemplate, "files">,
): Promise<Difference[]> {
  const subject = subjectOf(inputs.pool);
  try {
    const wanted = await poolReference(dependencies, inputs, files);
    const task = { subject, doing: `describing the schema ${inputs.schema}` };
    const live = await dependencies.pools.run(inputs.server, task, async (session) => {
      await session.script("BEGIN READ ONLY; SET LOCAL lock_timeout = '1s';");
      const items = await describeShape(session, inputs);
      await session.script("COMMIT");
      return items;
    });
    return shapeDifferences(ofTemplate(live), ofTemplate(wanted), inputs).map(reworded);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    context.warn(`the tables of the schema ${inputs.schema} could not be compared with the template: ${error.message}`);
    return [];
  }
}

/**
 * What the template gives, found out in a scratch schema: also whether it keeps the rules, which a file that cannot run
 * inside of a transaction has to be asked before it runs.
 *
 * @throws ProviderError when the server refuses a file, or a rule is broken
 */
export function poolReference(
  dependencies: PostgresDependencies,
  inputs: PoolInputs,
  files: readonly RenderedFile[],
): Promise<readonly Item[]> {
  return referenceShapes(dependencies).filled(
    { ...inputs, subject: subjectOf(inputs.pool) },
    ["pool", inputs.partitions, files.map(({ sql }) => sql)],
    (session, names) => fill(session, names, inputs, files),
  );
}

async function fill(
  session: Session,
  names: ShapeNames,
  inputs: PoolInputs,
  files: readonly RenderedFile[],
): Promise<void> {
  const place = { ...inputs, ...names };
  const groups = [names.appRole, names.readOnlyRole].map((role) => `CREATE ROLE ${identifier(role)} NOLOGIN;`);
  const owner = setRole(names.ownerRole);
  await session.script([...groups, owner, ...infrastructureSql(place), "SET LOCAL ROLE NONE;"].join("\n"));
  await applyFiles(session, place, files, []);
  const catalogue = await readCatalogue(session, place);
  const faults = poolFaults(catalogue, place);
  if (faults.length > 0) throw new ProviderError(faultsText(inputs, files, faults));
  const partitions = partitionsSql(catalogue, place);
  if (partitions.length > 0) await session.script([owner, ...partitions, "SET LOCAL ROLE NONE;"].join("\n"));
}

/** Without what is hardening's, so that nothing is told twice, and without what partitions have from their table. */
function ofTemplate(items: readonly Item[]): Item[] {
  const parents = new Map(
    items.flatMap(({ kind, name, attributes }) =>
      kind === "table" && typeof attributes.partition === "string" ? [[name, attributes.parents ?? ""] as const] : [],
    ),
  );
  // A partitioned table has no page itself.
  const pages = (table: string) =>
    items
      .filter(({ kind, name }) => kind === "table" && parents.get(name)?.endsWith(`.${table}`) === true)
      .reduce((sum, item) => sum + (item.pages ?? 0), 0);
  const own = new Set(poolFunctions({ schema: "any" }).map(({ name, signature }) => `${name}(${signature})`));
  return items
    .filter((item) => {
      const { kind, name, table } = item;
      // An index of `tenancy vectors` is left to the comparison, which tells an invalid one.
      if (table !== null && parents.has(table)) return isVectorIndex(item);
      if (kind === "policy") return false;
      if (kind === "trigger") return !name.startsWith("tenancy_audit_");
      return kind !== "function" || !own.has(name);
    })
    .map((item) => ({
      ...item,
      // With ONLY the index would be made without those of the partitions, and stay invalid.
      sql:
        item.kind === "index"
          ? (item.sql?.replace(/^(CREATE (?:UNIQUE )?INDEX .+?) ON ONLY /, "$1 ON ") ?? null)
          : item.sql,
      pages: item.kind === "table" ? (item.pages ?? 0) + pages(item.name) : item.pages,
      attributes: withoutHardening(item),
    }));
}

function withoutHardening({ kind, name, attributes }: Item): Item["attributes"] {
  const { "row-level security": _enabled, "row-level security for the owner": _forced, ...rest } = attributes;
  if (kind === "column" && name === "tenant_id") return { ...rest, default: null };
  if (kind !== "view") return rest;
  const options = (rest.options ?? "").split(", ").filter((option) => !/^(security_invoker=.*)?$/.test(option));
  return { ...rest, options: options.length === 0 ? null : options.join(", ") };
}

/** A pool has no files beside its template's. */
function reworded(difference: Difference): Difference {
  const { byHand } = difference;
  if (byHand === undefined) return difference;
  const text = (statement: string) =>
    statement.replace("by a file of the tenant (postgres.additionalSql)", "by a new file of the template");
  return { ...difference, byHand: byHand.map(text) };
}
