/** Tenants of a pool on each engine, from the registry to their rows and back. */
import { afterAll, describe, expect, it } from "vitest";
import type { EngineName } from "../../../cli/engines.ts";
import { poolTenantId } from "../../../components/naming.ts";
import { adminQuery } from "../../support/admin.ts";
import { query } from "../../support/clients.ts";
import { TestProject } from "../../support/project.ts";

const uuid = "5B0F6C1E-9F0D-4A53-8A39-6A0A2F4F1C11";

export function pools(engine: EngineName): void {
  describe(`pools with the engine ${engine}`, () => {
    const project = new TestProject(engine);
    const pool = project.prefix;
    const inPool = { tier: "pool", stores: ["postgres"], postgres: { pool } };
    project.profile = { postgres: {} };
    project.pools = { [pool]: { server: "main", template: "glyph-foundry", variables: { search: "exact" } } };
    afterAll(() => {
      project.remove();
    });

    it("makes the pool, then its tenants, whose logins see their own rows only", async () => {
      project.tenants = { one: { ...inPool, externalId: uuid }, two: { ...inPool, ring: "canary" } };
      const up = await project.up();
      expect(up.code, up.text).toBe(0);
      const [one, two] = [await project.credentials("one"), await project.credentials("two")];
      expect([one.postgres.schema, two.postgres.schema]).toEqual([`pool_${pool}`, `pool_${pool}`]);
      expect([one.postgres.tenantId, two.postgres.tenantId]).toEqual([uuid.toLowerCase(), poolTenantId("org_two")]);
      await query(one, "INSERT INTO nodes_v2 (kind, name) VALUES ('glyph', 'of one')");
      expect(await query(one, "SELECT tenant_id, name FROM nodes_v2")).toEqual([
        { tenant_id: uuid.toLowerCase(), name: "of one" },
      ]);
      expect(await query(two, "SELECT name FROM nodes_v2")).toEqual([]);
      const status = await project.run(["status", "--json"]);
      expect(status.code, status.text).toBe(0);
    });

    it("tells applications tenant_id and the pool's schema by the catalogue's route", async () => {
      const rows = await adminQuery(
        project,
        "SELECT id, tier, route->>'schema' AS schema, route->>'tenantId' AS tenant FROM platform.routes ORDER BY id",
      );
      expect(rows).toEqual([
        { id: "one", tier: "pool", schema: `pool_${pool}`, tenant: uuid.toLowerCase() },
        { id: "two", tier: "pool", schema: `pool_${pool}`, tenant: poolTenantId("org_two") },
      ]);
    });

    it("changes nothing the second time", async () => {
      expect((await project.up()).stdout).toContain("nothing to change");
    });

    it("refuses at preview another pool and another tenant_id of a live tenant", async () => {
      const other = `${pool}-b`;
      project.pools[other] = { ...project.pools[pool] };
      project.tenants.one = { ...inPool, externalId: uuid, postgres: { pool: other } };
      project.tenants.two = { ...inPool, ring: "canary", externalId: "org_other" };
      const preview = await project.run(["preview"]);
      expect(preview.code).toBe(1);
      expect(preview.text).toContain(`tenant one: postgres.pool cannot change from "${pool}" to "${other}"`);
      expect(preview.text).toContain(`tenant two: tenant_id cannot change from "${poolTenantId("org_two")}"`);
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete
      delete project.pools[other];
    });

    it("lets the last tenant leave, then the pool, and refuses both at once", async () => {
      const leaving = { ...inPool, state: "offboarding", backupWaiver: { reason: "test", name: "t" } };
      project.maxDeletes = 2;
      project.tenants = { one: { ...leaving, externalId: uuid }, two: leaving };
      expect((await project.up()).code).toBe(0);
      project.tenants = {};
      const kept = project.pools;
      project.pools = {};
      const refused = await project.up();
      expect(refused.code).toBe(1);
      expect(refused.text).toContain("protect");
      project.pools = kept;
      const left = await project.up();
      expect(left.code, left.text).toBe(0);
      const rows = await adminQuery(project, `SELECT count(*)::int AS rows FROM pool_${pool}.nodes_v2`);
      expect(rows).toEqual([{ rows: 0 }]);
      project.pools = {};
      const gone = await project.up();
      expect(gone.code, gone.text).toBe(0);
      const schemas = await adminQuery(project, `SELECT nspname FROM pg_namespace WHERE nspname = 'pool_${pool}'`);
      expect(schemas).toEqual([]);
    });
  });
}
