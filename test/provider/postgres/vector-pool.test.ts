/** Vectors of the template glyph-foundry in a pool as the handlers make it. */
import { randomBytes } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { poolNames, vectorIndexName } from "../../../components/naming.ts";
import type { PoolInputs, PoolTenantInputs } from "../../../provider/inputs.ts";
import { poolHandler } from "../../../provider/postgres/pool-shared.ts";
import { poolTenantHandler } from "../../../provider/postgres/pool-tenant.ts";
import { lookAtVectors } from "../../../provider/postgres/vector-look.ts";
import { decide } from "../../../provider/postgres/vector-plan.ts";
import { VectorBuilder } from "../../../provider/postgres/vector-run.ts";
import { loadTemplate } from "../../../templates/load.ts";
import { checkVariables } from "../../../templates/values.ts";
import { vectorSettings } from "../../../templates/vectors.ts";
import { asApp, joinPool, poolContext, poolDependencies } from "./pool-tenant-support.ts";
import { asAdmin, baseline, context, templates, tenantId, waiver } from "./support.ts";

const deps = { ...poolDependencies(), templates };
afterAll(() => deps.pools.close());

test.each([0, 2])(
  "with %i partitions: built for the one tenant that needs it, no drift but when invalid, gone with the tenant",
  async (partitions) => {
    await baseline(deps);
    const pool = `v-${randomBytes(4).toString("hex")}`;
    const template = loadTemplate(templates, "glyph-foundry");
    const { values: variables } = checkVariables(template, { dimensions_small: 3 });
    const inputs: PoolInputs = {
      server: "main",
      pool,
      ...poolNames(pool),
      template: template.name,
      variables,
      templateFiles: template.files,
      partitions,
    };
    const poolUrn = context(pool, { type: "tenancy:postgres:Pool" });
    const { outputs } = await poolHandler(deps).create(poolUrn, inputs);
    const member = (name: string): PoolTenantInputs => {
      const tenant = tenantId(name);
      const base = `tenant_${tenant.replaceAll("-", "__")}`;
      const id = `${randomBytes(4).toString("hex")}-1111-4111-8111-111111111111`;
      return {
        server: "main",
        tenant,
        state: "active",
        externalId: id,
        displayName: name,
        pool,
        schema: inputs.schema,
        ownerRole: inputs.ownerRole,
        poolAppRole: inputs.appRole,
        poolReadOnlyRole: inputs.readOnlyRole,
        tenantId: id,
        appRole: `${base}_app`,
        readOnlyRole: `${base}_ro`,
        connectionLimit: 5,
        readOnlyConnectionLimit: 5,
        template: template.name,
        variables,
        password: "word-of-the-application",
        readOnlyPassword: "word-of-the-reader",
      };
    };
    const [large, small] = [member("large"), member("small")];
    const joined = await joinPool(deps, large);
    await joinPool(deps, small);
    for (const [tenant, count] of [
      [large, 150],
      [small, 40],
    ] as const) {
      await asApp(tenant, (client) =>
        client.query(
          `INSERT INTO nodes_v2 (kind, name, embedding_384) SELECT 'concept', 'n' || i, ARRAY[i, 1, 2]::vector FROM generate_series(1, ${count}) i`,
        ),
      );
    }
    const [column] = vectorSettings(template, variables);
    if (column === undefined) throw new Error("the template has vectors");
    const place = { database: "main", schema: inputs.schema, ownerRole: inputs.ownerRole };
    const look = async () => {
      const wanted = [large, small].map(({ tenant, tenantId: id }) => ({
        ...column,
        threshold: 100,
        tenant,
        tenantId: id,
      }));
      const { columns } = await lookAtVectors(deps.pools, place, wanted);
      return columns.map((seen) => ({ seen, ...decide(seen, true) }));
    };
    const before = await look();
    expect(before.map(({ action, seen }) => [action, seen.rows.count])).toEqual([
      ["build", 150],
      ["none", 40],
    ]);
    const [first] = before;
    if (first === undefined) throw new Error("a tenant was looked at");
    await new VectorBuilder(deps.pools, {}).carryOut("main", place, first.seen, first.action);
    expect((await look()).map(({ state }) => state)).toEqual(["valid", "none"]);
    const drift = async () =>
      ((await poolHandler(deps).read(poolUrn, pool, inputs, outputs))?.inputs as { drift?: unknown[] }).drift ?? [];
    expect(await drift()).toEqual([]);
    const index = vectorIndexName("nodes_v2", "embedding_384", large.tenantId);
    await asAdmin(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = '${inputs.schema}.${index}'::regclass`);
    expect(await drift()).toEqual([expect.stringMatching(`${index} .*is invalid: its build was interrupted`)]);
    const left = await poolTenantHandler(deps).update(poolContext(large), large.tenant, joined, {
      ...large,
      state: "offboarding",
      backupWaiver: waiver,
    });
    await poolTenantHandler(deps).delete(poolContext(large), large.tenant, left);
    expect(await asAdmin(`SELECT indexname FROM pg_indexes WHERE indexname = '${index}'`)).toEqual([]);
  },
  60_000,
);
