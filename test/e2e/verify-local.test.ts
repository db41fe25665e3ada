/** `tenancy verify` as a user runs it: intact, damaged, stopped in the middle, and killed. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Canaries } from "../../verify/canary/canaries.ts";
import type { Place } from "../../verify/canary/lease.ts";
import { adminQuery } from "../support/admin.ts";
import { type Outcome, TestProject } from "../support/project.ts";

interface Json {
  readonly verdict: string;
  readonly results: readonly { attempt: string; attacker: string; victim: string; verdict: string; detail: string }[];
  readonly sights: readonly { known: readonly object[]; grown: readonly string[] }[];
  readonly faults: readonly string[];
}

describe("tenancy verify with the local engine", () => {
  const project = new TestProject("local");
  const canaries = new Canaries({
    platform: project.platform,
    project: "tenancy",
    stack: "dev",
    projectDir: project.dir,
    templates: join(project.dir, "templates"),
    embedded: new Set(),
    connections: 5,
  });
  const places: readonly Place[] = [
    { store: "postgres", server: "main" },
    { store: "redis", server: "main" },
    { store: "storage", server: "main" },
  ];
  const leases = (): string[] => {
    const folder = join(project.dir, ".dev", "canaries");
    return existsSync(folder) ? readdirSync(folder) : [];
  };

  /** Canaries of this test's runs: other tests have their own on the same servers. */
  async function left(ids: readonly string[]): Promise<string[]> {
    const found: string[] = [];
    for (const place of places) {
      const live = await canaries.find(place);
      found.push(...ids.filter((id) => live.has(id)).map((id) => `${place.store} ${id}`));
    }
    return found;
  }

  const canaryOf = (text: string): string => /[0-9a-z]{4,8}-[0-9a-f]{8}/.exec(text)?.[0] ?? "";
  const verify = (...args: string[]): Promise<Outcome> => project.run(["verify", ...args]);
  const deviations = ({ results }: Json): string[] =>
    results
      .filter(({ verdict }) => verdict !== "denied as expected" && verdict !== "not made")
      .map((one) => `${one.attacker} > ${one.victim} ${one.attempt}: ${one.verdict} (${one.detail})`);

  beforeAll(async () => {
    project.tenants = { acme: {}, beta: {} };
    const up = await project.up();
    expect(up.code, up.text).toBe(0);
  });

  afterAll(async () => {
    await canaries.close();
    project.remove();
  });

  it("proves two tenants isolated in every store, and leaves no canary", async () => {
    const metrics = join(project.dir, "verify.prom");
    const { code, stdout, stderr } = await verify("--format", "json", "--metrics", metrics);
    expect(stderr).not.toContain("error");
    const json = JSON.parse(stdout) as Json;
    expect(json.faults).toEqual([]);
    expect(deviations(json)).toEqual([]);
    expect(json.sights.flatMap(({ grown }) => grown)).toEqual([]);
    expect(json.verdict).toBe("isolated");
    expect(code).toBe(0);
    for (const [store, least] of [
      ["postgres", 40],
      ["redis", 40],
      ["storage", 25],
    ] as const) {
      for (const tenant of ["acme", "beta"]) {
        const tried = json.results.filter((one) => one.attacker === tenant && one.attempt.startsWith(`${store}/`));
        expect(tried.filter(({ verdict }) => verdict === "denied as expected").length).toBeGreaterThanOrEqual(least);
      }
    }
    expect(await left([canaryOf(stdout)])).toEqual([]);
    expect(leases()).toEqual([]);
    expect(readFileSync(metrics, "utf8")).toContain('tenancy_verify_leaks{stack="dev"} 0\n');
  });

  it("leaves the catalogue of tenants as it was", async () => {
    const rows = await adminQuery(project, "SELECT id FROM platform.tenants ORDER BY id");
    expect(rows).toEqual([{ id: "acme" }, { id: "beta" }]);
    expect((await project.run(["preview"])).stdout).toContain("18 unchanged");
  });

  it("shows no secret in any format", async () => {
    const { postgres, redis, storage } = await project.credentials("acme");
    const secrets = [postgres.password, redis.password, storage.secretAccessKey];
    for (const [format, store] of [
      ["text", "storage"],
      ["junit", "redis"],
      ["html", "postgres"],
    ] as const) {
      const { code, text } = await verify("--format", format, "--tenant", "acme", "--store", store);
      expect(code, text).toBe(0);
      for (const secret of secrets) expect(text).not.toContain(secret);
    }
  });

  it("attacks a named tenant without a canary", async () => {
    const { code, stdout } = await verify("--tenant", "acme", "--against", "beta", "--format", "json");
    const json = JSON.parse(stdout) as Json;
    expect(deviations(json)).toEqual([]);
    expect(code).toBe(0);
    expect(new Set(json.results.map(({ attacker, victim }) => `${attacker} > ${victim}`))).toEqual(
      new Set(["acme > beta"]),
    );
  });

  it("finds rights given to everyone, and names the attempt", async () => {
    const schema = `${project.prefix}_acme`;
    await adminQuery(
      project,
      `GRANT USAGE ON SCHEMA ${schema} TO PUBLIC; GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO PUBLIC`,
    );
    const { code, stdout } = await verify("--store", "postgres", "--format", "json");
    const json = JSON.parse(stdout) as Json;
    expect(json.verdict).toBe("leak");
    expect(code).toBe(1);
    const leaks = json.results.filter(({ verdict }) => verdict === "LEAK");
    expect(leaks.length).toBeGreaterThan(0);
    expect(leaks).toContainEqual(expect.objectContaining({ attempt: "postgres/select", victim: "acme" }));
    expect(leaks.filter(({ attempt, victim }) => attempt === "postgres/select" && victim !== "acme")).toEqual([]);
    const text = await verify("--store", "postgres");
    expect(text.code).toBe(1);
    expect(text.stdout).toContain("LEAK  postgres/select: a tenant tries to");
    await adminQuery(
      project,
      `REVOKE USAGE ON SCHEMA ${schema} FROM PUBLIC; REVOKE SELECT ON ALL TABLES IN SCHEMA ${schema} FROM PUBLIC`,
    );
    expect((await verify("--store", "postgres")).code).toBe(0);
    expect(leases()).toEqual([]);
  });

  it.each(["SIGINT", "SIGTERM"] as const)(
    "removes the canary on %s, tells what was done, and ends with 2",
    async (signal) => {
      project.writeRegistry();
      const { child, done } = project.start(["verify"]);
      const id = await leased();
      await sleep(300);
      child.kill(signal);
      const { code, stdout, text } = await done;
      expect(code, text).toBe(2);
      expect(stdout).toContain("stopped before its end; could not tell");
      expect(await left([id])).toEqual([]);
      expect(leases()).toEqual([]);
    },
  );

  it("removes what a killed run left at the next run", async () => {
    project.writeRegistry();
    const { child, done } = project.start(["verify"]);
    const id = await leased();
    for (let waited = 0; (await left([id])).length === 0 && waited < 20_000; waited += 100) await sleep(100);
    child.kill("SIGKILL");
    await done;
    expect(await left([id])).not.toEqual([]);
    const { code, text } = await verify("--tenant", "acme", "--store", "redis");
    expect(code, text).toBe(0);
    expect(text).toContain(`removed a canary of killed runs: ${id}`);
    expect(await left([id])).toEqual([]);
    expect(leases()).toEqual([]);
  });

  it("ends with 2 where nobody can tell: wrong flags, a server that is gone", async () => {
    const wrong = await verify("--store", "mongo", "--format", "pdf", "--tenant", "gamma");
    expect(wrong.code).toBe(2);
    for (const part of ["mongo", "pdf", "gamma"]) expect(wrong.stderr).toContain(`"${part}"`);
    expect(wrong.stderr).not.toMatch(/\n\s+at /);
    expect((await verify("--nonsense")).code).toBe(2);
  });

  /** Waits for the lease of a run, and gives its canary's id. */
  async function leased(): Promise<string> {
    for (let waited = 0; waited < 30_000; waited += 50) {
      const [name] = leases();
      if (name?.endsWith(".json") === true) return name.slice(0, -".json".length);
      await sleep(50);
    }
    throw new Error("no lease was written");
  }
});
