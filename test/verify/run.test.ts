import { describe, expect, it } from "vitest";
import type { Result } from "../../verify/assault.ts";
import { expectedResults, type RunOptions, runAttempts, type Sight } from "../../verify/run.ts";
import { allowed, attempt, canary, canaryId, denied, type Fake, fakeProbe, party } from "./fake.ts";

interface Ran {
  readonly results: Result[];
  readonly sights: Sight[];
  readonly faults: string[];
}

async function run(probes: readonly Fake[], over: Partial<RunOptions> = {}): Promise<Ran> {
  const results: Result[] = [];
  const sights: Sight[] = [];
  const faults: string[] = [];
  await runAttempts({
    probes,
    tenants: [party("acme"), party("beta")],
    canaries: probes.map(({ store }) => ({ place: { store, server: "main" }, party: canary({ stores: [store] }) })),
    concurrency: 4,
    signal: new AbortController().signal,
    onResult: (result) => results.push(result),
    onSight: (sight) => sights.push(sight),
    onFault: (fault) => faults.push(fault),
    ...over,
  });
  expect(probes.map((probe) => probe.openNow())).toEqual(probes.map(() => 0));
  return { results, sights, faults };
}

const lines = (results: readonly Result[]): string[] =>
  results.map((one) => `${one.attacker} > ${one.victim} ${one.attempt.id} ${one.form}: ${one.verdict}`).sort();

describe("runAttempts", () => {
  it("lets every tenant attack the canary, and the canary every tenant", async () => {
    const { results, faults } = await run([fakeProbe()]);
    expect(faults).toEqual([]);
    expect(lines(results)).toEqual([
      `acme > ${canaryId} postgres/read-table real: denied as expected`,
      `beta > ${canaryId} postgres/read-table real: denied as expected`,
      `${canaryId} > acme postgres/read-table real: denied as expected`,
      `${canaryId} > beta postgres/read-table real: denied as expected`,
    ]);
    expect(results.map(({ control }) => control)).toEqual(results.map(() => ({ kind: "proven", by: "victim" })));
  });

  it("makes what would change the victim against the canary only", async () => {
    const probe = fakeProbe({ attempts: [attempt("drop-table", { harm: "victim" })] });
    const { results } = await run([probe], { tenants: [party("acme")] });
    expect(lines(results)).toEqual([
      `acme > ${canaryId} postgres/drop-table real: denied as expected`,
      `${canaryId} > acme postgres/drop-table real: not made`,
    ]);
    expect(probe.made.map(({ victim }) => victim)).toEqual([canaryId]);
  });

  it("only asks for what everyone would feel on a shared server, and does it on an embedded one after a denial", async () => {
    const attempts = [attempt("flush", { harm: "server", control: "administrator" })];
    const shared = fakeProbe({ attempts });
    await run([shared], { tenants: [party("acme")] });
    expect(shared.made.map(({ form }) => form)).toEqual(["dry"]);

    const at = { place: { store: "postgres", server: "main" } as const, party: canary({ embedded: true }) };
    const embedded = fakeProbe({ attempts });
    await run([embedded], { tenants: [party("acme")], canaries: [at] });
    expect(embedded.made.map(({ form }) => form)).toEqual(["dry", "real"]);

    // A server that is only asked has no code for its no.
    const nothing = fakeProbe({ attempts, answers: { "postgres/flush": () => ({ kind: "denied", code: "nothing" }) } });
    const asked = await run([nothing], { tenants: [party("acme")] });
    expect(asked.results.map(({ form, verdict }) => `${form} ${verdict}`)).toEqual([
      "dry denied as expected",
      "real not made",
    ]);
    const done = await run([nothing], { tenants: [party("acme")], canaries: [at] });
    expect(done.results.map(({ form, verdict }) => `${form} ${verdict}`)).toEqual([
      "real denied differently",
      "real not made",
    ]);

    const broken = fakeProbe({ attempts, answers: { "postgres/flush": () => allowed } });
    const { results } = await run([broken], { tenants: [party("acme")], canaries: [at] });
    expect(broken.made.map(({ form }) => form)).toEqual(["dry"]);
    expect(lines(results)[0]).toBe(`acme > ${canaryId} postgres/flush dry: LEAK`);
  });

  it("does not take a denial for one where the control fails", async () => {
    const probe = fakeProbe({ controls: { "postgres/read-table": { kind: "failed", reason: "no such table" } } });
    const { results } = await run([probe], { tenants: [party("acme")] });
    expect(results.map(({ verdict }) => verdict)).toEqual(["could not run", "could not run"]);
    expect(results[0]?.detail).toContain("no such table");
  });

  it("tells that a login does not get in, and goes on with the other tenants", async () => {
    const probe = fakeProbe({
      open: ({ id }) => {
        if (id === "acme") throw new Error("28P01");
      },
    });
    const { results } = await run([probe]);
    expect(lines(results.filter(({ verdict }) => verdict !== "could not run"))).toEqual([
      `beta > ${canaryId} postgres/read-table real: denied as expected`,
      `${canaryId} > beta postgres/read-table real: denied as expected`,
    ]);
    expect(results.filter(({ verdict }) => verdict === "could not run")).toHaveLength(2);
  });

  it("attacks nothing where the canary could not be furnished, and goes on with the other stores", async () => {
    const broken = fakeProbe({
      furnish: () => {
        throw new Error("disk full");
      },
    });
    const { results, faults } = await run([broken, fakeProbe({ store: "redis" })]);
    expect(faults).toEqual(["postgres main: the canary could not be furnished: disk full"]);
    expect(new Set(results.map(({ attempt: one }) => one.store))).toEqual(new Set(["redis"]));
  });

  it("compares what is seen with what is documented, in both directions, once a server", async () => {
    const known = { place: "pg_class", what: "names of tables", document: "docs/postgresql.md" };
    const probe = fakeProbe({
      residue: [known, { place: "pg_roles", what: "names of roles", document: "docs/postgresql.md" }],
      visible: (attacker) => (attacker.canary ? ["pg_class"] : ["pg_class", "pg_stats", "pg_stats"]),
    });
    const { sights } = await run([probe]);
    expect(sights).toEqual([
      { store: "postgres", server: "main", attacker: "acme", victim: canaryId, known: [known], grown: ["pg_stats"] },
      { store: "postgres", server: "main", attacker: canaryId, victim: "acme", known: [known], grown: [] },
    ]);
  });

  it("lets tenants attack the canary of their own server only", async () => {
    const tenants = [party("acme"), party("beta", { server: "second" })];
    const { results } = await run([fakeProbe()], { tenants });
    expect(new Set(results.flatMap(({ attacker, victim }) => [attacker, victim]))).toEqual(new Set(["acme", canaryId]));
  });

  it("attacks a named tenant with what changes nothing, and lets it attack nobody", async () => {
    const attempts = [attempt("read-table"), attempt("drop-table", { harm: "victim" })];
    const probe = fakeProbe({ attempts });
    const { results } = await run([probe], { canaries: [], against: party("gamma") });
    expect(lines(results)).toEqual([
      "acme > gamma postgres/drop-table real: not made",
      "acme > gamma postgres/read-table real: denied as expected",
      "beta > gamma postgres/drop-table real: not made",
      "beta > gamma postgres/read-table real: denied as expected",
    ]);
    expect(new Set(probe.made.map(({ id }) => id))).toEqual(new Set(["postgres/read-table"]));
  });

  it("keeps no more tenants at work than it may", async () => {
    const tenants = Array.from({ length: 20 }, (_, index) => party(`t${index}`));
    const attempts = Array.from({ length: 5 }, (_, index) => attempt(`read-${index}`));
    const probe = fakeProbe({ attempts });
    await run([probe], { tenants, concurrency: 3 });
    // A session to attack and one for the control of each of three tenants, and the canary's own for its controls.
    expect(probe.mostOpen()).toBeLessThanOrEqual(3 * 2 + 1);
    expect(probe.mostOpen()).toBeGreaterThan(2);
  });

  it("begins nothing new after a stop", async () => {
    const abort = new AbortController();
    const tenants = Array.from({ length: 20 }, (_, index) => party(`t${index}`));
    let answers = 0;
    const probe = fakeProbe({
      answers: {
        "postgres/read-table": () => {
          answers += 1;
          if (answers === 3) abort.abort();
          return denied;
        },
      },
    });
    const { sights } = await run([probe], { tenants, concurrency: 1, signal: abort.signal });
    expect(probe.made).toHaveLength(3);
    expect(sights).toEqual([]);
  });

  it("knows how many results there will be", async () => {
    const attempts = [attempt("read-table"), attempt("drop-table", { harm: "victim" })];
    const probes = [fakeProbe({ attempts }), fakeProbe({ store: "redis" })];
    const tenants = [party("acme"), party("beta", { stores: ["redis"] })];
    const { results } = await run(probes, { tenants });
    const canaries = probes.map(({ store }) => ({
      place: { store, server: "main" },
      party: canary({ stores: [store] }),
    }));
    const options = { probes, tenants, canaries, concurrency: 4, signal: new AbortController().signal };
    const rest = { onSight: () => undefined, onFault: () => undefined };
    expect(expectedResults({ ...options, ...rest })).toBe(results.length);
    expect(results).toHaveLength(8);
  });
});
