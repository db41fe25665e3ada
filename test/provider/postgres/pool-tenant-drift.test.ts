import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PoolTenantInputs, PoolTenantOutputs } from "../../../provider/inputs.ts";
import { poolTenantHandler } from "../../../provider/postgres/pool-tenant.ts";
import {
  asApp,
  joinPool,
  makePool,
  poolContext,
  poolDependencies,
  seen,
  type TestPool,
} from "./pool-tenant-support.ts";
import { asAdmin, stateOf } from "./support.ts";

const deps = poolDependencies();
const handler = poolTenantHandler(deps);
let pool: TestPool;
beforeAll(async () => {
  pool = await makePool(deps);
}, 120_000);
afterAll(() => deps.pools.close());

/** As somebody would who has the provisioner's login and the server's. */
async function dropRoles(roles: readonly string[]) {
  const list = roles.map((role) => `"${role}"`).join(", ");
  const { provisioner, database } = deps.pools.server("main");
  await asAdmin(
    `SET ROLE "${provisioner.user}"; REVOKE ALL ON DATABASE "${database}" FROM ${list}; RESET ROLE; DROP ROLE ${list}`,
  );
}

async function drift(inputs: PoolTenantInputs, outputs: PoolTenantOutputs) {
  const found = await handler.read(poolContext(inputs), "", inputs, outputs);
  return found === undefined ? undefined : (found.inputs.drift ?? []);
}

describe("drift of a pool's tenant", () => {
  test("everything that was changed from outside is told by read and mended by update", async () => {
    const [inputs, other] = [pool.tenant("drift"), pool.tenant("other")];
    const outputs = await joinPool(deps, inputs);
    await joinPool(deps, other);
    expect(await drift(inputs, outputs)).toEqual([]);
    const { appRole, readOnlyRole, schema } = inputs;
    await asAdmin(`ALTER ROLE "${appRole}" BYPASSRLS CONNECTION LIMIT 99 PASSWORD 'changed'`);
    await asAdmin(`ALTER ROLE "${readOnlyRole}" IN DATABASE "${deps.pools.server("main").database}" RESET search_path`);
    await asAdmin(`GRANT TEMP ON DATABASE "${deps.pools.server("main").database}" TO "${appRole}"`);
    await asAdmin(`GRANT SELECT ON "${schema}".tenancy_members TO "${appRole}"`);
    await asAdmin(`GRANT "${inputs.ownerRole}" TO "${appRole}"`);
    await asAdmin(`GRANT "${appRole}" TO "${other.appRole}"`);
    await asAdmin(
      `SET ROLE "${deps.pools.server("main").provisioner.user}"; GRANT "${inputs.poolAppRole}" TO "${appRole}" WITH SET TRUE`,
    );
    await asAdmin(
      `SET ROLE "${deps.pools.server("main").provisioner.user}"; REVOKE "${inputs.poolReadOnlyRole}" FROM "${readOnlyRole}"`,
    );
    await asAdmin(`UPDATE "${schema}".tenancy_logins SET tenant_id = '${other.tenantId}' WHERE login = '${appRole}'`);
    await asAdmin(`INSERT INTO "${schema}".tenancy_logins VALUES ('stranger', '${inputs.tenantId}', 'tenant')`);
    await asAdmin(`UPDATE "${schema}".tenancy_members SET active = false WHERE tenant_id = '${inputs.tenantId}'`);
    const told = ((await drift(inputs, outputs)) ?? []).join("\n");
    for (const part of [
      /_app has BYPASSRLS/,
      /_app has a connection limit of 99, not 10/,
      /settings of the role .*_ro in the database/,
      /_app has .*TEMPORARY.* on the database/,
      /_app has SELECT on table .*tenancy_members, beyond the rights of its pool/,
      /_app is a member of pool_p__.*_owner/,
      /the role tenant_other.*_app is a member of tenant_drift.*_app/,
      /_app is a member with INHERIT TRUE, SET TRUE, ADMIN FALSE of pool_/,
      /_ro is no member of pool_/,
      new RegExp(`the login ${appRole} is bound to ${other.tenantId}, not to its tenant`),
      /the login stranger is bound to the tenant, and is none of its own/,
      /membership of the pool p-.* is not active in the state active/,
      /password of the role .*_app is not the one of the state/,
    ]) {
      expect(told).toMatch(part);
    }
    expect(told.split("\n")).toHaveLength(13);
    expect(told).not.toContain("changed");
    const mended = await handler.update(poolContext(inputs), "", outputs, inputs);
    expect(await drift(inputs, mended)).toEqual([]);
    expect(await drift(other, await joinPool(deps, other))).toEqual([]);
    await asApp(inputs, async (app) => {
      expect(await seen(app, "SELECT name AS value FROM authors")).toEqual([
        `${inputs.displayName} (${inputs.tenant})`,
      ]);
      expect(await stateOf(app, `SET ROLE "${inputs.poolAppRole}"`)).toBe("42501");
      expect(await stateOf(app, "SELECT FROM tenancy_members")).toBe("42501");
    });
  });

  test("a missing login, a lost membership and a lost mark are told and made anew with the state's passwords", async () => {
    const inputs = pool.tenant("lost");
    const outputs = await joinPool(deps, inputs);
    const { schema, appRole, readOnlyRole } = inputs;
    await asAdmin(`DELETE FROM "${schema}".tenancy_logins WHERE tenant_id = '${inputs.tenantId}';
      DELETE FROM "${schema}".tenancy_members WHERE tenant_id = '${inputs.tenantId}'`);
    await dropRoles([readOnlyRole]);
    const told = ((await drift(inputs, outputs)) ?? []).join("\n");
    expect(told).toMatch(/the role .*_ro is missing/);
    expect(told).toMatch(/the tenant is no member of the pool/);
    expect(told).toMatch(new RegExp(`the login ${appRole} is bound to no tenant`));
    const mended = await handler.update(poolContext(inputs), "", outputs, inputs);
    expect(await drift(inputs, mended)).toEqual([]);
    await asAdmin(`UPDATE "${schema}".tenancy_members SET mark = 'x' WHERE tenant_id = '${inputs.tenantId}'`);
    expect(await drift(inputs, mended)).toEqual([expect.stringMatching(/has lost its mark/)]);
    expect(await drift(inputs, await handler.update(poolContext(inputs), "", mended, inputs))).toEqual([]);
  });

  test("a tenant of which nothing is left is gone, and an update of it says so", async () => {
    const inputs = pool.tenant("gone");
    const outputs = await joinPool(deps, inputs);
    await asAdmin(`DELETE FROM "${inputs.schema}".tenancy_logins WHERE tenant_id = '${inputs.tenantId}';
      DELETE FROM "${inputs.schema}".tenancy_members WHERE tenant_id = '${inputs.tenantId}'`);
    await dropRoles([inputs.appRole, inputs.readOnlyRole]);
    expect(await drift(inputs, outputs)).toBeUndefined();
    await expect(handler.update(poolContext(inputs), "", outputs, inputs)).rejects.toThrow(/are gone/);
  });
});
