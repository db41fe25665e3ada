/** What breaks in the middle: the next `up` ends in the right state, without any step by hand, on each engine. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { query, redisCommand, putObject } from "../../support/clients.ts";
import { descendants, processesOf } from "../../support/processes.ts";
import type { EngineName } from "../../../cli/engines.ts";
import { TestProject } from "../../support/project.ts";
import { seeded } from "../../support/seeded.ts";
import { services } from "../../support/services.ts";
import { expiredServer } from "../../support/expired-server.ts";

const crashes = Number(process.env.TENANCY_TEST_CRASHES ?? "3");

export function crash(engine: EngineName): void {
  describe(`a crash with the engine ${engine}`, () => {
    const projects: TestProject[] = [];
    afterEach(() => {
      for (const project of projects.splice(0)) project.remove();
    });

    it.each(Array.from({ length: crashes }, (_, index) => index + 1))(
      "at a random moment of `up` (seed %i) is mended by a second `up`, with working logins",
      async (seed) => {
        const random = seeded(seed);
        const project = new TestProject(engine);
        projects.push(project);
        project.tenants = Object.fromEntries(Array.from({ length: 5 }, (_, index) => [`t${index}`, {}]));
        project.writeRegistry();
        const { child, done } = project.start(["up"]);
        const victims = seed % 2 === 0 ? "provider" : "engine";
        await sleep(1500 + random() * 5000);
        // The engine with all that it started but the provider, or the provider alone.
        for (const { pid, command } of await descendants(child.pid ?? 0)) {
          const isProvider = command.includes("provider/main.ts");
          if (victims === "provider" ? isProvider : !isProvider) kill(pid);
        }
        if (victims === "engine") child.kill("SIGKILL");
        await done;
        const up = await project.up();
        expect(up.code, `seed ${seed}, ${victims} killed\n${up.text}`).toBe(0);
        // Logs in to every store as every tenant.
        const status = await project.run(["status", "--json"]);
        expect(status.code, status.text).toBe(0);
        expect((JSON.parse(status.stdout) as { tenants: unknown[] }).tenants).toHaveLength(5);
        const credentials = await project.credentials("t0");
        expect(await query(credentials, "SELECT count(*)::int AS rows FROM graph_entities")).toEqual([{ rows: 0 }]);
        expect(await redisCommand(credentials, "SET", `${credentials.redis.keyPrefix}a`, "1")).toBe("OK");
        await putObject(credentials, "uploads/a");
        expect((await project.up()).stdout).toContain("nothing to change");
        for (let waited = 0; (await processesOf(project.dir)).length > 0 && waited < 100; waited++) await sleep(100);
        expect(await processesOf(project.dir)).toEqual([]);
      },
      240_000,
    );
  });
}

export function failures(engine: EngineName): void {
  describe(`failures with the engine ${engine}`, () => {
    const project = new TestProject(engine);
    afterAll(() => {
      project.remove();
    });

    it("lets one of two updates at once wait, or refuses it clearly, and loses nothing", async () => {
      project.tenants = { acme: {}, beta: {} };
      project.writeRegistry();
      const outcomes = await Promise.all([project.start(["up"]).done, project.start(["up"]).done]);
      expect(outcomes.map(({ code }) => code)).toContain(0);
      const refused = outcomes.find(({ code }) => code !== 0);
      if (refused !== undefined) expect(refused.text).toMatch(/another (update|run)|is running|locked/);
      expect((await project.up()).code).toBe(0);
      expect(await query(await project.credentials("acme"), "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    });

    it.each(["postgres", "redis", "storage"] as const)(
      "names %s when it is down, changes the rest, and finishes when it is back",
      async (store) => {
        const broken = structuredClone(project.platform);
        if (store === "postgres" && broken.postgres.main) broken.postgres.main.port = 1;
        if (store === "redis" && broken.redis.main?.nodes[0]) broken.redis.main.nodes[0].port = 1;
        if (store === "storage" && broken.storage.main?.kind === "s3")
          broken.storage.main.endpoint = "https://127.0.0.1:1";
        project.writePlatform(broken, services().caFile);
        project.tenants[`new-${store}`] = {};
        const up = await project.up();
        expect(up.code).toBe(1);
        expect(up.text).toContain("127.0.0.1:1");
        expect(up.text).not.toMatch(/\n\s+at /);
        project.writePlatform(project.platform, services().caFile);
        const again = await project.up();
        expect(again.code, again.text).toBe(0);
      },
    );

    it("names user and server, and no password, when an administrator's password is wrong", async () => {
      const broken = structuredClone(project.platform);
      if (broken.redis.main) broken.redis.main.password = "planted-wrong-redis";
      if (broken.postgres.main?.admin) broken.postgres.main.admin.password = "planted-wrong-admin";
      if (broken.postgres.main) broken.postgres.main.provisioner.password = "planted-wrong-provisioner";
      project.writePlatform(broken, services().caFile);
      const up = await project.up();
      expect(up.code).toBe(1);
      expect(up.text).toMatch(/password/);
      expect(up.text).not.toContain("planted-wrong");
      project.writePlatform(project.platform, services().caFile);
      expect((await project.up()).code).toBe(0);
    });

    it("gives the provisioner the password that the configuration has", async () => {
      const changed = structuredClone(project.platform);
      const { main } = changed.postgres;
      // A provisioner of its own: the tests' servers are shared.
      if (main !== undefined)
        main.provisioner = { user: `provisioner_${project.prefix}`, password: "planted-first-one" };
      const other = new TestProject(engine);
      try {
        if (main !== undefined) {
          main.database = `e2e_${other.prefix}`;
          main.application = other.platform.postgres.main?.application;
        }
        other.tenants = { acme: {} };
        for (const password of ["planted-first-one", "planted-second-one"]) {
          if (main !== undefined) main.provisioner.password = password;
          other.writePlatform(changed, services().caFile);
          other.tenants.acme = { postgres: { connectionLimit: password.length } };
          const up = await other.up();
          expect(up.code, up.text).toBe(0);
          expect(up.text).not.toContain(password);
        }
      } finally {
        other.remove();
      }
    });

    it("refuses a server whose certificate has expired", async () => {
      const expired = await expiredServer();
      const broken = structuredClone(project.platform);
      if (broken.redis.main) broken.redis.main.nodes = [{ host: "127.0.0.1", port: expired.port }];
      try {
        project.writePlatform(broken, expired.caFile);
        project.tenants.acme = { redis: { rotation: 7 } };
        const up = await project.up();
        expect(up.code).toBe(1);
        expect(up.text).toMatch(/certificate/i);
      } finally {
        await expired.close();
        project.writePlatform(project.platform, services().caFile);
        project.tenants.acme = {};
      }
      expect((await project.up()).code).toBe(0);
    });

    it("changes nothing when the registry has a fault, and shows each with its place", async () => {
      project.writeRegistry();
      const path = join(project.dir, "tenants", "registry.yaml");
      const text = readFileSync(path, "utf8");
      writeFileSync(path, text.replace("profile: graph", "profil: graph"));
      const up = await project.start(["up"]).done;
      expect(up.code).toBe(1);
      expect(up.text).toMatch(/registry\.yaml:\d+:\d+/);
      expect(up.text).toContain("profil");
      expect(up.text).not.toMatch(/\n\s+at /);
      rmSync(path);
      const missing = await project.start(["preview"]).done;
      expect(missing.code).toBe(1);
      expect(missing.text).toContain("registry.yaml");
    });

    it("refuses another engine than the one that holds the state", async () => {
      project.writeRegistry();
      const other = engine === "local" ? "pulumi" : "local";
      const { child, done } = project.start(["status"]);
      await done;
      expect(child.exitCode).toBe(0);
      const refused = await project.run(["status", "--engine", other]);
      expect(refused.code).toBe(1);
      expect(refused.text).toContain(`engine move ${other}`);
    });
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself in between.
  }
}
