/** The whole program on each engine of this machine: what a platform engineer does with a tenant, from first to last. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { connectPostgres, connectRedis, listKeys, putObject, query, redisCommand } from "../../support/clients.ts";
import { adminQuery } from "../../support/admin.ts";
import type { EngineName } from "../../../cli/engines.ts";
import { TestProject } from "../../support/project.ts";

export function life(engine: EngineName): void {
  describe(`the life of a tenant with the engine ${engine}`, () => {
    const project = new TestProject(engine);
    const schemaOf = (id: string): string => `${project.prefix}_${id}`;
    afterAll(() => {
      project.remove();
    });

    it("makes two tenants in every store, and their credentials work", async () => {
      project.tenants = { acme: {}, beta: {} };
      const up = await project.up();
      expect(up.text).toContain("2 tenants, no faults");
      expect(up.code, up.text).toBe(0);
      expect(up.stdout.split("\n")[0]).toContain(engine === "local" ? "development and tests only" : "Pulumi CLI");
      const acme = await project.credentials("acme");
      expect(Object.keys(acme.postgres).sort()).toEqual(
        ["host", "port", "database", "user", "password", "schema", "caFile"].sort(),
      );
      await query(acme, "INSERT INTO graph_entities (id, entity_type) VALUES ('1', 'person')");
      expect(await query(acme, "SELECT id, entity_type FROM graph_entities")).toEqual([
        { id: "1", entity_type: "person" },
      ]);
      expect(await redisCommand(acme, "SET", `${acme.redis.keyPrefix}a`, "1")).toBe("OK");
      await putObject(acme, "uploads/1/a.txt");
      expect(await listKeys(acme)).toContain(`${acme.storage.prefix}uploads/1/a.txt`);
    });

    it("keeps one tenant out of the other's place in every store", async () => {
      const acme = await project.credentials("acme");
      const beta = await project.credentials("beta");
      await expect(query(acme, `SELECT * FROM ${schemaOf("beta")}.graph_entities`)).rejects.toThrow(
        "permission denied",
      );
      await expect(redisCommand(acme, "GET", `${beta.redis.keyPrefix}a`)).rejects.toThrow(/NOPERM|No permissions/);
      await expect(
        listKeys({ ...acme, storage: { ...acme.storage, prefix: beta.storage.prefix } }),
      ).rejects.toMatchObject({ name: "AccessDenied" });
    });

    it("tells the live state of each tenant and store as JSON", async () => {
      const status = await project.run(["status", "--json"]);
      expect(status.code, status.text).toBe(0);
      const { engine: name, stack, tenants } = JSON.parse(status.stdout) as Record<string, unknown>;
      expect({ name, stack }).toEqual({ name: engine, stack: "dev" });
      expect(tenants).toMatchObject([
        {
          id: "acme",
          tier: "bridge",
          state: "active",
          stores: {
            postgres: { name: schemaOf("acme"), ok: true },
            redis: { name: `${project.prefix}:acme:*`, ok: true },
            storage: { name: `${project.prefix}s/acme/`, ok: true },
          },
        },
        { id: "beta" },
      ]);
    });

    it("changes nothing the second time, and says so", async () => {
      const up = await project.up();
      expect(up.code).toBe(0);
      expect(up.stdout).toContain("nothing to change");
      expect(up.stdout).not.toMatch(/created|updated|deleted/);
    });

    it("previews exactly the six resources of a new tenant, then makes them", async () => {
      project.tenants.gamma = {};
      const preview = await project.run(["preview"]);
      expect(preview.code, preview.text).toBe(0);
      expect(planned(preview.stdout)).toEqual([
        "+ tenancy:index:TenantBucketPrefix gamma",
        "+ tenancy:index:TenantRedisAcl gamma",
        "+ tenancy:index:TenantSchema gamma",
        "+ tenancy:postgres:Schema gamma-schema",
        "+ tenancy:redis:AclUser gamma-acl-user",
        "+ tenancy:storage:Prefix gamma-prefix",
        "~ tenancy:index:Roster tenants  [tenants]",
        "~ tenancy:index:Routes tenants  [routes]",
      ]);
      expect(await adminQuery(project, `SELECT 1 FROM pg_namespace WHERE nspname = '${schemaOf("gamma")}'`)).toEqual(
        [],
      );
      const up = await project.up();
      expect(up.stdout).toMatch(/up: 6 created, 2 updated/);
      expect(await query(await project.credentials("gamma"), "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    });

    it("changes a connection limit and passwords in place, and keeps the data", async () => {
      const before = await project.credentials("acme");
      project.tenants.acme = { postgres: { connectionLimit: 3, rotation: 1 }, redis: { rotation: 1 } };
      const up = await project.up();
      expect(up.code, up.text).toBe(0);
      expect(up.stdout).toContain("[connectionLimit, password, readOnlyPassword]");
      const acme = await project.credentials("acme");
      expect(acme.postgres.password).not.toBe(before.postgres.password);
      await expect(query(before, "SELECT 1")).rejects.toThrow("password authentication failed");
      await expect(redisCommand(before, "PING")).rejects.toThrow();
      expect(await query(acme, "SELECT count(*)::int AS rows FROM graph_entities")).toEqual([{ rows: 1 }]);
      expect(await redisCommand(acme, "GET", `${acme.redis.keyPrefix}a`)).toBe("1");
      expect(
        await adminQuery(project, `SELECT rolconnlimit FROM pg_roles WHERE rolname = '${schemaOf("acme")}_app'`),
      ).toEqual([{ rolconnlimit: 3 }]);
    });

    it("applies a further file of a template to each of its tenants in place", async () => {
      const file = join(project.dir, "templates", "knowledge-graph", "0009-notes.sql");
      writeFileSync(file, "CREATE TABLE notes (id bigint PRIMARY KEY, body text);\n");
      const up = await project.up();
      expect(up.code, up.text).toBe(0);
      expect(up.stdout).toMatch(/up: 3 updated/);
      for (const id of ["acme", "beta", "gamma"]) {
        expect(await query(await project.credentials(id), "SELECT count(*)::int AS rows FROM notes")).toEqual([
          { rows: 0 },
        ]);
      }
    });

    it("refuses an edited file of a template with both checksums, at preview", async () => {
      const file = join(project.dir, "templates", "knowledge-graph", "0009-notes.sql");
      const text = readFileSync(file, "utf8");
      writeFileSync(file, text.replace("body text", "body bytea"));
      const preview = await project.run(["preview"]);
      expect(preview.code).toBe(1);
      expect(preview.text).toMatch(/0009-notes\.sql[\s\S]*[0-9a-f]{64}[\s\S]*[0-9a-f]{64}/);
      writeFileSync(file, text);
    });

    it("closes a suspended tenant's logins and live connections, keeps its data, and opens it again", async () => {
      const acme = await project.credentials("acme");
      const session = await connectPostgres(acme);
      const ended = new Promise((resolve) => session.once("end", resolve));
      const cache = connectRedis(acme);
      await cache.call("PING");
      const closed = new Promise((resolve) => cache.once("close", resolve));
      project.tenants.acme = { ...project.tenants.acme, state: "suspended" };
      const up = await project.up();
      expect(up.code, up.text).toBe(0);
      await ended;
      await closed;
      await expect(query(acme, "SELECT 1")).rejects.toThrow(/not permitted to log in|permission denied/);
      await expect(redisCommand(acme, "PING")).rejects.toThrow();
      await expect(listKeys(acme)).rejects.toThrow();
      const status = await project.run(["status", "--json", "--tenant", "acme"]);
      expect(status.code, status.text).toBe(0);

      project.tenants.acme = { ...project.tenants.acme, state: "active" };
      expect((await project.up()).code).toBe(0);
      const again = await project.credentials("acme");
      expect(await query(again, "SELECT count(*)::int AS rows FROM graph_entities")).toEqual([{ rows: 1 }]);
      expect(await redisCommand(again, "GET", `${again.redis.keyPrefix}a`)).toBe("1");
      expect(await listKeys(again)).toContain(`${again.storage.prefix}uploads/1/a.txt`);
    });

    it("mends with refresh and up what somebody broke from outside", async () => {
      const schema = schemaOf("acme");
      await adminQuery(project, `GRANT USAGE ON SCHEMA ${schema} TO ${schemaOf("beta")}_app`);
      await adminQuery(project, `GRANT SELECT ON ${schema}.graph_entities TO ${schemaOf("beta")}_app`);
      await adminQuery(project, `ALTER ROLE ${schema}_app CREATEDB CONNECTION LIMIT 77`);
      const beta = await project.credentials("beta");
      expect(await query(beta, `SELECT count(*)::int AS rows FROM ${schema}.graph_entities`)).toEqual([{ rows: 1 }]);
      expect((await project.run(["refresh"])).code).toBe(0);
      const up = await project.up();
      expect(up.code, up.text).toBe(0);
      expect(up.stdout).toContain("tenancy:postgres:Schema acme-schema");
      await expect(query(beta, `SELECT * FROM ${schema}.graph_entities`)).rejects.toThrow("permission denied");
      expect(
        await adminQuery(project, `SELECT rolcreatedb, rolconnlimit FROM pg_roles WHERE rolname = '${schema}_app'`),
      ).toEqual([{ rolcreatedb: false, rolconnlimit: 3 }]);
    });

    it("removes an offboarded tenant from every store, and refuses its id from then on", async () => {
      const gamma = await project.credentials("gamma");
      await query(gamma, "INSERT INTO notes VALUES (1, 'secret plan')");
      await redisCommand(gamma, "SET", `${gamma.redis.keyPrefix}k`, "v");
      await putObject(gamma, "uploads/2/b.txt");
      project.tenants.gamma = { state: "offboarding", backupWaiver: { reason: "trial ended", name: "Ada" } };
      expect((await project.up()).code).toBe(0);
      await expect(query(gamma, "SELECT 1")).rejects.toThrow();
      delete project.tenants.gamma;
      const up = await project.up();
      expect(up.code, up.text).toBe(0);
      expect(up.stdout).toMatch(/6 deleted/);
      expect(
        await adminQuery(
          project,
          `SELECT nspname AS name FROM pg_namespace WHERE nspname = '${schemaOf("gamma")}'
         UNION ALL SELECT rolname FROM pg_roles WHERE rolname LIKE '${schemaOf("gamma")}\\_%'`,
        ),
      ).toEqual([]);
      expect(
        await adminQuery(
          project,
          "SELECT status, backup_waiver->>'name' AS name FROM platform.tenants WHERE id = 'gamma'",
        ),
      ).toEqual([{ status: "removed", name: "Ada" }]);

      project.tenants.gamma = {};
      const again = await project.run(["preview"]);
      expect(again.code).toBe(1);
      expect(again.text).toMatch(/gamma[\s\S]*removed/);
      delete project.tenants.gamma;
      expect((await project.up()).stdout).toContain("nothing to change");
    });

    it("leaves no secret in what it printed or wrote", async () => {
      const secrets: string[] = [];
      for (const id of ["acme", "beta"]) {
        const { postgres, redis, storage } = await project.credentials(id);
        secrets.push(postgres.password, redis.password, storage.secretAccessKey);
      }
      const { postgres, redis, storage } = project.platform;
      for (const server of [...Object.values(postgres), ...Object.values(redis), ...Object.values(storage)]) {
        if ("provisioner" in server) secrets.push(server.provisioner.password, server.admin?.password ?? "");
        if ("username" in server) secrets.push(server.password);
        if ("secretAccessKey" in server) secrets.push(server.secretAccessKey);
      }
      const planted = secrets.filter((secret) => secret !== "");
      expect(planted.length).toBeGreaterThan(8);
      expect(existsSync(project.stateFile)).toBe(true);
      const everything = `${project.printed.join("\n")}\n${project.written()}`;
      for (const secret of planted) expect(everything.includes(secret)).toBe(false);
    });
  });
}

/** The lines of a plan, without their indentation, sorted. */
function planned(stdout: string): string[] {
  return stdout
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /^[+~±-] /.test(line))
    .sort();
}
