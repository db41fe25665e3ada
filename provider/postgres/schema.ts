/** `tenancy:postgres:Schema`: a tenant's schema, roles, grants and tables in a shared database. */
import type { Handler } from "../handler.ts";
import type { SchemaInputs, SchemaOutputs } from "../inputs.ts";
import { type Mark, newMark } from "../mark.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import type { Task } from "./faults.ts";
import { readLive } from "./live.ts";
import { checkSchema } from "./schema-check.ts";
import { findDrift, recordActivity } from "./schema-read.ts";
import { removeSchema } from "./schema-remove.ts";
import { schemaWork } from "./schema-work.ts";

export function schemaHandler(dependencies: PostgresDependencies): Handler<SchemaInputs, SchemaOutputs> {
  const { pools } = dependencies;
  const work = schemaWork(dependencies);

  return {
    type: "tenancy:postgres:Schema",
    replaceOn: ["server", "tenant", "schema", "ownerRole", "appRole", "readOnlyRole"],
    secrets: ["password", "readOnlyPassword"],

    check: (_context, olds, news) => checkSchema(dependencies, olds, news),

    preview: (inputs) => ({ ...inputs }),

    async create(context, inputs) {
      const mark = newMark(context.urn, inputs.tenant);
      await work.create(context, inputs, mark);
      return { id: inputs.schema, outputs: outputsOf(inputs, mark) };
    },

    async read(context, _id, inputs, outputs) {
      const task: Task = { subject: `tenant ${outputs.tenant}`, doing: `reading the schema ${outputs.schema}` };
      const wanted: SchemaInputs = { ...outputs, ...inputs };
      const live = await pools.run(outputs.server, task, async (session) => {
        const seen = await readLive(session, wanted, "full");
        if (seen.schema !== null) await recordActivity(session, wanted);
        return seen;
      });
      if (live.schema === null) return undefined;
      const drift = await findDrift(dependencies, context, wanted, outputs, live);
      return { inputs: drift.length > 0 ? { ...inputs, drift } : inputs, outputs };
    },

    async update(context, _id, outputs, news) {
      return outputsOf(news, await work.change(context, outputs, news));
    },

    delete: (context, _id, outputs) => removeSchema(pools, context, outputs),

    close: () => pools.close(),
  };
}

function outputsOf(inputs: SchemaInputs, mark: Mark): SchemaOutputs {
  return { ...inputs, markUrn: mark.urn, instanceToken: mark.token };
}
