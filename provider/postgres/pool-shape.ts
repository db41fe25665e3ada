/** The tables of a pool compared with what its template gives, but for what hardening makes and mends itself. */
import { type CallContext, ProviderError } from "../handler.ts";
import type { PoolInputs } from "../inputs.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import type { Difference } from "./difference.ts";
import { shapeDifferences } from "./drift-shape.ts";
import type { Session } from "./pool.ts";
import { applyFiles, type PoolTemplate, partitionsSql } from "./pool-files.ts";
import { readCatalogue, subjectOf } from "./pool-live.ts";
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
    const wanted = await referenceShapes(dependencies).filled(
      { ...inputs, subject },
      ["pool", inputs.partitions, files.map(({ sql }) => sql)],
      (session, names) => fill(session, names, inputs, files),
    );
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
  const partitions = partitionsSql(await readCatalogue(session, place), place);
  if (partitions.length > 0) await session.script([owner, ...partitions, "SET LOCAL ROLE NONE;"].join("\n"));
}

/** Without what is hardening's, so that nothing is told twice. */
function ofTemplate(items: readonly Item[]): Item[] {
  const own = new Set(poolFunctions({ schema: "any" }).map(({ name, signature }) => `${name}(${signature})`));
  return items
    .filter(({ kind, name }) => {
      if (kind === "policy") return false;
      if (kind === "trigger") return !name.startsWith("tenancy_audit_");
      if (kind === "function") return !own.has(name);
      return kind !== "index" || !name.startsWith("tenancy_hnsw_");
    })
    .map((item) => ({ ...item, attributes: withoutHardening(item) }));
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
