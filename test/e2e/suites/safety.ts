/** What must never lose data: each way in which a change of the program or the registry could, on each engine. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { putObject, listKeys, query, redisCommand } from "../../support/clients.ts";
import { adminQuery } from "../../support/admin.ts";
import type { EngineName } from "../../../cli/engines.ts";
import { TestProject } from "../../support/project.ts";

export function safety(engine: EngineName): void {
  describe(`data is safe with the engine ${engine}`, () => {
    const project = new TestProject(engine);
    const urn = (type: string, name: string): string => `urn:pulumi:dev::tenancy::${type}::${name}`;
    const schemaUrn = (id: string): string => urn("tenancy:index:TenantSchema$tenancy:postgres:Schema", `${id}-schema`);

    async function assertDataIsThere(): Promise<void> {
      const acme = await project.credentials("acme");
      expect(await query(acme, "SELECT id FROM graph_entities")).toEqual([{ id: "kept" }]);
      expect(await redisCommand(acme, "GET", `${acme.redis.keyPrefix}kept`)).toBe("1");
      expect(await listKeys(acme)).toContain(`${acme.storage.prefix}uploads/kept`);
    }

    /** Runs with a source file changed, then puts it back. */
    async function withEdit(file: string, from: string, to: string, run: () => Promise<void>): Promise<void> {
      const path = join(project.dir, file);
      const text = readFileSync(path, "utf8");
      project.edit(file, from, to);
      try {
        await run();
      } finally {
        writeFileSync(path, text);
      }
    }

    beforeAll(async () => {
      project.tenants = { acme: {}, beta: {}, gamma: {} };
      const up = await project.up();
      expect(up.code, up.text).toBe(0);
      const acme = await project.credentials("acme");
      await query(acme, "INSERT INTO graph_entities (id, entity_type) VALUES ('kept', 'person')");
      await redisCommand(acme, "SET", `${acme.redis.keyPrefix}kept`, "1");
      await putObject(acme, "uploads/kept");
    });
    afterAll(() => {
      project.remove();
    });

    it("refuses at preview that a tenant leaves without having been offboarded, and tells how", async () => {
      const { acme, ...others } = project.tenants;
      project.tenants = others;
      for (const operation of ["preview", "up"]) {
        const outcome = await project.run([operation]);
        expect(outcome.code).toBe(1);
        expect(outcome.text).toContain("acme");
        expect(outcome.text).toContain("offboarding");
        expect(outcome.text).not.toContain("state unprotect");
      }
      project.tenants = { acme: acme ?? {}, ...others };
      await assertDataIsThere();
    });

    it("refuses that a tenant is offboarded and leaves in one change of the registry", async () => {
      project.tenants.beta = { state: "offboarding" };
      expect((await project.up()).code).toBe(0);
      delete project.tenants.beta;
      const preview = await project.run(["preview"]);
      expect(preview.code).toBe(1);
      expect(preview.text).toContain("backupWaiver");
      project.tenants.beta = {};
      expect((await project.up()).code).toBe(0);
    });

    it("refuses that more tenants leave at once than the registry allows", async () => {
      const leaving = { state: "offboarding", backupWaiver: { reason: "trial", name: "Ada" } };
      const before = project.tenants;
      project.tenants = { acme: {}, beta: leaving, gamma: leaving };
      expect((await project.up()).code).toBe(0);
      project.tenants = { acme: {} };
      const preview = await project.run(["preview"]);
      expect(preview.code).toBe(1);
      expect(preview.text).toMatch(/maxDeletes/);
      expect(preview.text).toContain("beta");
      expect(preview.text).toContain("gamma");
      project.tenants = before;
      expect((await project.up()).code).toBe(0);
    });

    it("refuses a changed prefix of a live tenant: it would replace the data", async () => {
      const { profile } = project;
      project.profile = { prefix: `${project.prefix}x` };
      const preview = await project.run(["preview"]);
      expect(preview.code).toBe(1);
      expect(preview.text).toMatch(/acme[\s\S]*prefix/);
      project.profile = profile;
      await assertDataIsThere();
    });

    it("keeps the data when a resource gets another type token, name or parent without an alias", async () => {
      const changes: [string, string, string][] = [
        ["components/tenant-schema.ts", '"tenancy:index:TenantSchema"', '"tenancy:index:TenantPlace"'],
        ["components/tenant-schema.ts", "`${name}-schema`", "`${name}-database-schema`"],
        ["components/tenant-args.ts", "return { parent, protect", "return { protect"],
      ];
      for (const [file, from, to] of changes) {
        await withEdit(file, from, to, async () => {
          const up = await project.up();
          expect(up.code, up.text).toBe(1);
        });
        await assertDataIsThere();
      }
      expect((await project.up()).code).toBe(0);
      await assertDataIsThere();
    });

    it("follows a new name with an alias, and renames the mark with it", async () => {
      await withEdit("components/tenant-schema.ts", "`${name}-schema`", "`${name}-place`", async () => {
        project.edit(
          "components/tenant-args.ts",
          "return { parent,",
          "return { aliases: [{ name: `${args.tenant}-schema` }], parent,",
        );
        const up = await project.up();
        expect(up.code, up.text).toBe(0);
        expect(up.stdout).not.toMatch(/deleted|replaced|created/);
        await assertDataIsThere();
        const [mark] = await adminQuery(
          project,
          `SELECT obj_description(oid, 'pg_namespace')::jsonb->>'urn' AS urn FROM pg_namespace WHERE nspname = '${project.prefix}_acme'`,
        );
        expect(mark?.urn).toMatch(/acme-place$/);
      });
      // Back to the old name, which is then the alias's turn.
      project.edit("components/tenant-args.ts", "`${args.tenant}-schema`", "`${args.tenant}-place`");
      const up = await project.up();
      expect(up.code, up.text).toBe(0);
      project.edit(
        "components/tenant-args.ts",
        "return { aliases: [{ name: `${args.tenant}-place` }], parent,",
        "return { parent,",
      );
      await assertDataIsThere();
    });

    it("does not replace live data on --replace", async () => {
      const up = await project.run(["up", "--replace", schemaUrn("acme")]);
      expect(up.code, up.text).toBe(1);
      await assertDataIsThere();
      expect((await project.up()).code).toBe(0);
      await assertDataIsThere();
    });

    it("refuses to destroy live tenants, and names them", async () => {
      const destroy = await project.run(["destroy"]);
      expect(destroy.code).toBe(1);
      expect(destroy.text).toContain("acme");
      await assertDataIsThere();
    });

    it("does not take over data that a lost state no longer knows, until `adopt` names it", async () => {
      rmSync(project.stateFile);
      rmSync(`${project.stateFile}.bak`, { force: true });
      const up = await project.up();
      expect(up.code, up.text).toBe(1);
      expect(up.text).toContain("tenancy adopt acme");
      const adopt = await project.run(["adopt", "acme"]);
      expect(adopt.code, adopt.text).toBe(0);
      await assertDataIsThere();
      expect((await project.up()).stdout).toContain("nothing to change");
    });

    it("destroys everything once every tenant is offboarded, and keeps the removed ids", async () => {
      const leaving = { state: "offboarding", backupWaiver: { reason: "the end", name: "Ada" } };
      project.tenants = { acme: leaving, beta: leaving, gamma: leaving };
      expect((await project.up()).code).toBe(0);
      const destroy = await project.run(["destroy"]);
      expect(destroy.code, destroy.text).toBe(0);
      expect(
        await adminQuery(project, `SELECT nspname FROM pg_namespace WHERE nspname LIKE '${project.prefix}%'`),
      ).toEqual([]);
      expect(await adminQuery(project, "SELECT id FROM platform.tenants WHERE status = 'removed' ORDER BY id")).toEqual(
        [{ id: "acme" }, { id: "beta" }, { id: "gamma" }],
      );
    });
  });
}
