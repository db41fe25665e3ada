/** What of a pool can be refused at preview, all faults at once. Needs no server. */
import { type CheckFailure, isUnknown } from "../handler.ts";
import type { PoolInputs } from "../inputs.ts";
import { checkVariables, loadTemplate, renderFile, type Template, TemplateError } from "../../templates/load.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import { poolFileFaults } from "./pool-files.ts";
import { subjectOf } from "./pool-live.ts";
import { fixedTemplateFaults, placeFaults, templateFaults } from "./schema-check.ts";

/** Inputs whose change would make another pool, without its tenants' rows. */
export const placeOfPool = ["server", "pool", "schema", "ownerRole", "appRole", "readOnlyRole"] as const;

/** More would cost each statement more to plan than they could save. */
const mostPartitions = 256;

export async function checkPool(
  dependencies: PostgresDependencies,
  olds: PoolInputs | undefined,
  news: PoolInputs,
): Promise<CheckFailure[]> {
  const failures = [...placeFaults(dependencies, news), ...partitionFaults(olds, news)];
  if (olds !== undefined) failures.push(...movedFaults(olds, news), ...fixedTemplateFaults(olds, news, "pool"));
  try {
    const template = loadTemplate(dependencies.templates, news.template);
    failures.push(...(await filesFaults(dependencies, template, news)));
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    failures.push({ property: "template", reason: error.message });
  }
  return failures.map(({ property, reason }) => ({ property, reason: `${subjectOf(news.pool)}: ${reason}` }));
}

function* movedFaults(olds: PoolInputs, news: PoolInputs): Generator<CheckFailure> {
  for (const property of placeOfPool) {
    if (olds[property] === news[property] || isUnknown(news[property])) continue;
    yield {
      property,
      reason:
        `${property} cannot change from "${olds[property]}" to "${news[property]}": that would replace the rows of all ` +
        `tenants of the pool. Put the old value back; a tenant moves to another pool as a copy under another id.`,
    };
  }
}

function* partitionFaults(olds: PoolInputs | undefined, news: PoolInputs): Generator<CheckFailure> {
  const { partitions } = news;
  if (isUnknown(partitions)) return;
  if (!Number.isInteger(partitions) || partitions < 0 || partitions === 1 || partitions > mostPartitions) {
    yield {
      property: "partitions",
      reason: `partitions is ${JSON.stringify(partitions)}; allowed is 0 for none, or an integer from 2 to ${mostPartitions}`,
    };
  }
  if (olds !== undefined && olds.partitions !== partitions) {
    yield {
      property: "partitions",
      reason:
        `partitions cannot change once applied (from ${olds.partitions} to ${partitions}): ` +
        `every row would have to move. Restore it, or make another pool`,
    };
  }
}

async function filesFaults(
  dependencies: PostgresDependencies,
  template: Template,
  news: PoolInputs,
): Promise<CheckFailure[]> {
  if (!template.tiers.includes("pool")) {
    return [
      {
        property: "template",
        reason:
          `the template "${template.name}" is not for pools: its tiers are ${template.tiers.join(", ")}. ` +
          `A pool's template lists \`tiers: [pool]\` in template.yaml, and every table of it carries a tenant_id.`,
      },
    ];
  }
  const others = template.tiers.filter((tier) => tier !== "pool");
  const look = async (sql: string) => {
    const faults = await poolFileFaults(sql);
    const line = sql.split("\n").findIndex((text) => /\bcurrent_tenant(_id)?\s*\(/.test(text)) + 1;
    return others.length > 0 && line > 0
      ? [...faults, { line, reason: `calls a function that only pools have, and the tiers hold ${others.join(", ")}` }]
      : faults;
  };
  const options = { partitions: isUnknown(news.partitions) ? 0 : news.partitions };
  const failures = await templateFaults(dependencies, template, news, options, look);
  if (failures.length === 0 && options.partitions > 0) {
    const { values } = checkVariables(template, news.variables);
    const text = (partitions: number) =>
      template.files
        .map(({ name }) => renderFile(dependencies.templates, template, name, values, { partitions }))
        .join();
    if (text(0) === text(options.partitions)) {
      failures.push({
        property: "partitions",
        reason:
          `partitions is ${options.partitions}, and the template "${template.name}" partitions no table: ` +
          `set it to 0, or write {{partition_by_tenant}} behind the columns of a table`,
      });
    }
  }
  return failures;
}
