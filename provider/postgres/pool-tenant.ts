/** `tenancy:postgres:PoolTenant`: a tenant's place in a pool, two logins that see its rows only. */
import type { Handler } from "../handler.ts";
import type { PoolTenantInputs, PoolTenantOutputs } from "../inputs.ts";
import { type Mark, newMark } from "../mark.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import type { Task } from "./faults.ts";
import { checkPoolTenant } from "./pool-tenant-check.ts";
import { findPoolTenantDrift } from "./pool-tenant-drift.ts";
import { isThere, readPoolTenant } from "./pool-tenant-live.ts";
import { removePoolTenant } from "./pool-tenant-remove.ts";
import { poolTenantWork } from "./pool-tenant-work.ts";

export function poolTenantHandler(dependencies: PostgresDependencies): Handler<PoolTenantInputs, PoolTenantOutputs> {
  const { pools } = dependencies;
  const work = poolTenantWork(dependencies);

  return {
    type: "tenancy:postgres:PoolTenant",
    replaceOn: [
      "server",
      "tenant",
      "pool",
      "schema",
      "ownerRole",
      "poolAppRole",
      "poolReadOnlyRole",
      "tenantId",
      "appRole",
      "readOnlyRole",
    ],
    secrets: ["password", "readOnlyPassword"],

    check: (_context, _olds, news) => checkPoolTenant(dependencies, news),

    preview: (inputs) => ({ ...inputs }),

    async create(context, inputs) {
      const mark = newMark(context.urn, inputs.tenant);
      await work.create(context, inputs, mark);
      return { id: `${inputs.schema}/${inputs.tenant}`, outputs: outputsOf(inputs, mark) };
    },

    async read(context, _id, inputs, outputs) {
      const task: Task = {
        subject: `tenant ${outputs.tenant}`,
        doing: `reading its place in the pool ${outputs.pool}`,
      };
      const wanted: PoolTenantInputs = { ...outputs, ...inputs };
      const live = await pools.run(outputs.server, task, (session) => readPoolTenant(session, wanted));
      if (!isThere(live)) return undefined;
      const drift = await findPoolTenantDrift(dependencies, context, wanted, outputs, live);
      return { inputs: drift.length > 0 ? { ...inputs, drift } : inputs, outputs };
    },

    async update(context, _id, outputs, news) {
      return outputsOf(news, await work.change(context, outputs, news));
    },

    delete: (context, _id, outputs) => removePoolTenant(pools, context, outputs),

    close: () => pools.close(),
  };
}

function outputsOf(inputs: PoolTenantInputs, mark: Mark): PoolTenantOutputs {
  return { ...inputs, markUrn: mark.urn, instanceToken: mark.token };
}
