/** `tenancy:postgres:Pool`: what the tenants of a pool share. Their membership is `tenancy:postgres:PoolTenant`. */
import { type Finding, repairable, tellAll } from "../finding.ts";
import type { CallContext, Handler } from "../handler.ts";
import type { PoolInputs, PoolOutputs } from "../inputs.ts";
import { isInstance, type Mark, newMark, parseMark } from "../mark.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import { toFinding } from "./difference.ts";
import { checkPool, placeOfPool } from "./pool-check.ts";
import { loadPoolTemplate } from "./pool-files.ts";
import { type PoolLive, readPool, subjectOf } from "./pool-live.ts";
import { removePool } from "./pool-remove.ts";
import { poolShape } from "./pool-shape.ts";
import { poolDifferences, poolWork } from "./pool-work.ts";

export function poolHandler(dependencies: PostgresDependencies): Handler<PoolInputs, PoolOutputs> {
  const { pools } = dependencies;
  const work = poolWork(dependencies);

  async function findDrift(
    context: CallContext,
    wanted: PoolInputs,
    outputs: PoolOutputs,
    seen: PoolLive,
  ): Promise<string[]> {
    const server = pools.server(outputs.server);
    const template = loadPoolTemplate(dependencies, wanted);
    const found = [
      ...poolDifferences(seen, wanted, dependencies, template).map((one) => toFinding(one, server)),
      ...recordFindings(seen, wanted, outputs),
      ...(await poolShape(dependencies, context, wanted, template)).map((one) => toFinding(one, server)),
    ];
    return tellAll(context, found);
  }

  return {
    type: "tenancy:postgres:Pool",
    replaceOn: placeOfPool,
    secrets: [],

    check: (_context, olds, news) => checkPool(dependencies, olds, news),

    preview: (inputs) => ({ ...inputs }),

    async create(context, inputs) {
      const mark = newMark(context.urn, subjectOf(inputs.pool));
      await work.create(context, inputs, mark);
      return { id: inputs.schema, outputs: outputsOf(inputs, mark) };
    },

    async read(context, _id, inputs, outputs) {
      const wanted: PoolInputs = { ...outputs, ...inputs };
      const task = { subject: subjectOf(outputs.pool), doing: `reading the schema ${outputs.schema}` };
      const seen = await pools.run(outputs.server, task, async (session) => {
        await session.script("BEGIN; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL lock_timeout = '3s';");
        const all = await readPool(session, wanted, pools.server(outputs.server).application?.user);
        await session.script("ROLLBACK");
        return all;
      });
      if (seen.live.schema === null) return undefined;
      const drift = await findDrift(context, wanted, outputs, seen);
      return { inputs: drift.length > 0 ? { ...inputs, drift } : inputs, outputs };
    },

    async update(context, _id, outputs, news) {
      return outputsOf(news, await work.change(context, outputs, news));
    },

    delete: (context, _id, outputs) => removePool(pools, context, outputs),

    close: () => pools.close(),
  };
}

function outputsOf(inputs: PoolInputs, mark: Mark): PoolOutputs {
  return { ...inputs, markUrn: mark.urn, instanceToken: mark.token };
}

/** The mark, and the record of the files. */
function recordFindings({ live }: PoolLive, wanted: PoolInputs, outputs: PoolOutputs): Finding[] {
  const found: Finding[] = [];
  const mark = parseMark(live.schema?.comment);
  const field = `schema ${outputs.schema}: mark`;
  const should = `the mark of ${outputs.markUrn}`;
  if (mark === undefined) {
    found.push(repairable(field, "none", should, `the schema ${outputs.schema} has lost its mark`));
  } else if (!isInstance(mark, outputs)) {
    found.push({
      field,
      is: `the mark of ${mark.urn}`,
      should,
      sentence: `the schema ${outputs.schema} carries another instance's mark`,
      mend: "by hand",
      statements: ["-- two stacks may not share a pool: find out which state is the right one"],
    });
  }
  const applied = new Map(live.applied.map(({ origin, name, sha256 }) => [`${origin} ${name}`, sha256]));
  for (const { name, sha256 } of wanted.templateFiles) {
    const noted = applied.get(`template ${name}`);
    if (noted === sha256) continue;
    found.push({
      field: `catalogue: applied file ${name}`,
      is: noted ?? "not noted",
      should: sha256,
      sentence: `the catalogue does not say that the file ${name} was applied to the ${subjectOf(wanted.pool)}`,
      mend: "by hand",
      statements: [
        `-- an update would apply it a second time: after a look at the tables, ` +
          `INSERT INTO platform.applied_files (schema_name, tenant, origin, name, sha256) ` +
          `VALUES ('${wanted.schema}', '${subjectOf(wanted.pool)}', 'template', '${name}', '${sha256}') ` +
          `ON CONFLICT (schema_name, origin, name) DO UPDATE SET sha256 = excluded.sha256;`,
      ],
    });
  }
  return found;
}
