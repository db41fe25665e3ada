import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Control, Result, Verdict } from "../../verify/assault.ts";
import type { Attempt } from "../../verify/attempt.ts";
import { htmlReport } from "../../verify/report/html.ts";
import { jsonReport } from "../../verify/report/json.ts";
import { junitReport } from "../../verify/report/junit.ts";
import { metricsText, writeWhole } from "../../verify/report/metrics.ts";
import { textReport } from "../../verify/report/text.ts";
import { cells, controlCounts, exitCodes, findings, overall, type Report, scrubber } from "../../verify/summary.ts";
import { attempt, canaryId } from "./fake.ts";

const proven: Control = { kind: "proven", by: "victim" };

function result(
  one: Attempt,
  tenant: string,
  verdict: Verdict = "denied as expected",
  over: Partial<Result> = {},
): Result {
  return {
    attempt: one,
    attacker: tenant,
    victim: canaryId,
    form: "real",
    verdict,
    detail: verdict === "LEAK" ? "1 row" : "42501",
    control: proven,
    ...over,
  };
}

const read = attempt("read-table");
const drop = attempt("drop-table", { harm: "victim" });
const get = attempt("get-key", { store: "redis", expected: ["NOPERM"] });

function report(over: Partial<Report> = {}): Report {
  return {
    version: "0.1.0",
    project: "tenancy",
    stack: "dev",
    startedAt: "2026-11-22T20:15:00.000Z",
    seconds: 12.34,
    victim: { kind: "canary", id: canaryId },
    tenants: ["acme", "beta"],
    stores: ["postgres", "redis"],
    servers: [{ store: "postgres", name: "main", address: "db.example.com:5432/tenants", embedded: false }],
    attempts: [read, drop, get],
    results: ["acme", "beta"].flatMap((tenant) => [
      result(read, tenant),
      result(drop, tenant),
      result(get, tenant, "denied as expected", { detail: "NOPERM" }),
    ]),
    sights: [],
    faults: [],
    notes: [],
    ...over,
  };
}

const leaking = report({
  results: [
    ...report().results.filter(({ attacker, attempt: one }) => attacker !== "beta" || one !== read),
    result(read, "beta", "LEAK"),
  ],
});

describe("the verdict of a run", () => {
  it.each<[string, Partial<Report>, keyof typeof exitCodes, number]>([
    ["all denied as expected", {}, "isolated", 0],
    ["a leak", { results: leaking.results }, "leak", 1],
    ["a leak, and a fault", { results: leaking.results, faults: ["x"] }, "leak", 1],
    ["a leak, and a stop", { results: leaking.results, stopped: "stopped" }, "leak", 1],
    [
      "more seen than documented",
      { sights: [{ store: "redis", server: "main", attacker: "a", victim: "b", known: [], grown: ["SCAN"] }] },
      "leak",
      1,
    ],
    [
      "another refusal",
      { results: [result(read, "acme"), result(drop, "acme", "denied differently")] },
      "could not tell",
      2,
    ],
    ["an attempt that could not run", { results: [result(read, "acme", "could not run")] }, "could not tell", 2],
    ["a fault", { faults: ["no canary on redis main"] }, "could not tell", 2],
    ["a stop", { stopped: "stopped before its end" }, "could not tell", 2],
    ["nothing tried", { results: [] }, "could not tell", 2],
    [
      "a tenant of whom nothing was tried",
      {
        results: [...report().results, result(get, "acme", "not made")].filter(
          (one) => one.attempt !== get || one.verdict === "not made",
        ),
      },
      "could not tell",
      2,
    ],
  ])("of %s", (_name, over, verdict, code) => {
    expect(overall(report(over))).toBe(verdict);
    expect(exitCodes[verdict]).toBe(code);
  });

  it("counts each tenant and store, in both directions", () => {
    const back = result(read, canaryId, "denied as expected", { victim: "acme" });
    const [first] = cells(report({ results: [...report().results, back] }));
    expect(first).toMatchObject({ tenant: "acme", store: "postgres", verdict: "isolated" });
    expect(first?.counts["denied as expected"]).toBe(3);
    expect(cells(leaking).map(({ tenant, store, verdict }) => `${tenant} ${store} ${verdict}`)).toEqual([
      "acme postgres isolated",
      "acme redis isolated",
      "beta postgres leak",
      "beta redis isolated",
    ]);
  });

  it("counts a control once, however many attackers it stands behind", () => {
    const failed: Control = { kind: "failed", reason: "x" };
    const results = [...report().results, result(drop, "gamma", "could not run", { victim: "acme", control: failed })];
    expect(controlCounts(results)).toEqual({ proven: 3, impossible: 0, failed: 1 });
  });

  it("groups what is the same: leaks by attempt, what could not run by its reason, leaks first", () => {
    const many = Array.from({ length: 50 }, (_, index) => `t${index}`);
    const results = [
      ...many.flatMap((tenant) => [read, drop].map((one) => result(one, tenant, "could not run", { detail: "28P01" }))),
      ...many.map((tenant) => result(read, tenant, "LEAK")),
      result(drop, "acme", "denied differently", { detail: "3F000" }),
    ];
    expect(findings(results).map((one) => [one.verdict, one.attempts.length, one.pairs.length, one.detail])).toEqual([
      ["LEAK", 1, 50, "1 row"],
      ["denied differently", 1, 1, "3F000"],
      ["could not run", 2, 50, "28P01"],
    ]);
  });
});

describe("the text report", () => {
  it("ends with the verdict", () => {
    expect(textReport(report(), false)).toMatch(/\nisolated: all 6 attempts were denied as expected$/);
    expect(textReport(leaking, false)).toMatch(/\nLEAK: 1 leak in 6 attempts$/);
    expect(textReport(report({ faults: ["x"] }), false)).toMatch(
      /\ncould not tell: 6 of 6 attempts were denied as expected, 0 denied differently, 0 could not run$/,
    );
  });

  it("names attempt, evidence, reason and the way out of a leak", () => {
    const text = textReport(leaking, false);
    expect(text).toContain("LEAK  postgres/read-table: a tenant tries to do read-table");
    expect(text).toContain("beta → canary");
    expect(text).toMatch(/evidence: +1 row/);
    expect(text).toContain("SELECT 1 FROM victim.things");
    expect(text).toContain("rows of another tenant were read");
    expect(text).toContain("drift --repair");
  });

  it("stays short at a hundred tenants, and shows the one that differs first", () => {
    const tenants = Array.from({ length: 100 }, (_, index) => `tenant-${String(index).padStart(3, "0")}`);
    const results = tenants.flatMap((tenant) => [
      result(read, tenant, tenant === "tenant-042" ? "LEAK" : "denied as expected"),
      result(get, tenant),
    ]);
    const lines = textReport(report({ tenants, results }), false).split("\n");
    expect(lines.length).toBeLessThan(30);
    const table = lines.slice(lines.findIndex((line) => line.startsWith("tenant ")));
    expect(table[1]).toMatch(/^tenant-042 +postgres +1 +0 +1 LEAK$/);
    expect(table[2]).toMatch(/^99 tenants \(tenant-000 … tenant-099\) +postgres +1 +1 +isolated$/);
    expect(table[3]).toMatch(/^100 tenants \(tenant-000 … tenant-099\) +redis +1 +1 +isolated$/);
  });

  it("tells what was made dry, what was not made, and what is visible by design", () => {
    const flush = attempt("flush", { store: "redis", harm: "server" });
    const residue = { place: "pg_class", what: "names of tables", document: "docs/postgresql.md" };
    const text = textReport(
      report({
        results: [
          ...report().results,
          result(flush, "acme", "denied as expected", { form: "dry" }),
          result(drop, canaryId, "not made", { victim: "acme", detail: "only a canary may be the victim" }),
        ],
        sights: [
          {
            store: "postgres",
            server: "main",
            attacker: "acme",
            victim: canaryId,
            known: [residue],
            grown: ["pg_stats"],
          },
        ],
      }),
      false,
    );
    expect(text).toContain("Made dry only, since everyone on the server would feel a success:\n  redis: flush\n");
    expect(text).toContain("Not made against 1 victim (only a canary may be the victim):\n  postgres: drop-table\n");
    expect(text).toContain("names of tables (docs/postgresql.md): pg_class");
    expect(text).toContain("LEAK  postgres main: acme sees canary in pg_stats, which no document names");
  });

  it("has colours only where they are wanted", () => {
    expect(textReport(leaking, false)).not.toContain("\u001b");
    expect(textReport(leaking, true)).toContain("\u001b[31m");
  });
});

describe("the JSON report", () => {
  it("holds every result, and every attempt once", () => {
    const json = JSON.parse(jsonReport(leaking)) as Record<string, unknown>;
    expect(json).toMatchObject({
      format: 1,
      verdict: "leak",
      exitCode: 1,
      stack: "dev",
      counts: { LEAK: 1, "denied as expected": 5, "denied differently": 0, "could not run": 0, "not made": 0 },
    });
    expect(json.attempts).toHaveLength(3);
    expect(json.results).toHaveLength(6);
    expect((json.results as unknown[])[0]).toEqual({
      attempt: "postgres/read-table",
      store: "postgres",
      attacker: "acme",
      victim: canaryId,
      form: "real",
      verdict: "denied as expected",
      detail: "42501",
      control: { kind: "proven", by: "victim" },
    });
  });
});

const hostile = `<script>alert("x")</script> & 'y' \u0001 ]]>`;
const hostileReport = report({
  stack: hostile,
  tenants: ["acme", hostile],
  results: [
    result(
      attempt("odd", { how: hostile, why: hostile, tries: hostile, source: `https://x.example/"><b>` }),
      hostile,
      "LEAK",
      {
        detail: hostile,
      },
    ),
    result(read, "acme"),
  ],
  faults: [hostile],
  notes: [hostile],
});

describe("the JUnit report", () => {
  it("has a suite for each tenant and store, and counts failures, errors and skipped ones", () => {
    const xml = junitReport(
      report({
        results: [
          ...leaking.results,
          result(get, "acme", "could not run", { detail: "timeout" }),
          result(drop, canaryId, "not made", { victim: "acme", detail: "only a canary may be the victim" }),
        ],
      }),
    );
    expect(xml).toContain(
      '<testsuites name="tenancy verify" tests="8" failures="1" errors="1" skipped="1" time="12.340">',
    );
    expect(xml.match(/<testsuite /g)).toHaveLength(4);
    expect(xml).toContain('<testsuite name="acme postgres" tests="3" failures="0" errors="0" skipped="1"');
    expect(xml).toContain('<failure type="LEAK" message="LEAK: 1 row">');
    expect(xml).toContain('<error type="could not run" message="could not run: timeout">');
    expect(xml).toContain('name="postgres/drop-table: canary against acme"><skipped message="only a canary may be');
  });

  it("escapes whatever a server or a registry says", () => {
    const xml = junitReport(hostileReport);
    expect(xml).not.toContain("<script>");
    expect(xml).not.toContain("\u0001");
    expect(xml).toContain("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;y&#39; \ufffd ]]&gt;");
    // Nothing but the elements of the format.
    expect(new Set(xml.match(/<\/?[a-z]+/g)?.map((tag) => tag.replace(/[</]/g, "")))).toEqual(
      new Set(["testsuites", "testsuite", "testcase", "failure", "error"]),
    );
  });
});

describe("the HTML report", () => {
  it("is one page that loads nothing and runs no script", () => {
    const html = htmlReport(leaking);
    expect(html).not.toMatch(/<script|<link|<img|<iframe|\ssrc=|url\(|@import|\son[a-z]+=/i);
    expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  });

  it("shows a cell for each tenant and store, and every attempt with what it tries and why", () => {
    const html = htmlReport(leaking);
    expect(html.match(/<td class="good">/g)).toHaveLength(3);
    expect(html.match(/<td class="bad">/g)).toHaveLength(1);
    for (const { id, how, why } of [read, drop, get]) {
      expect(html).toContain(`<code>${id}</code>`);
      expect(html).toContain(how);
      expect(html).toContain(why);
    }
    expect(html).toContain("db.example.com:5432/tenants");
    expect(html).toContain("tenancy 0.1.0");
    expect(html).toContain("2026-11-22 20:15:00 UTC");
  });

  it("escapes whatever a server or a registry says, and links to web pages only", () => {
    const html = htmlReport(hostileReport);
    expect(html).not.toContain("<script>");
    expect(html).not.toContain('"><b>');
    expect(html).toContain("&lt;script&gt;");
    const dangerous = report({ results: [result(attempt("x", { source: "javascript:alert(1)" }), "acme", "LEAK")] });
    expect(htmlReport(dangerous)).not.toContain('href="javascript');
  });

  it("gives each attempt one place that its links lead to", () => {
    const html = htmlReport(leaking);
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, target] of html.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(target);
  });
});

describe("the metrics", () => {
  it("tell attempts by store and verdict, leaks, and when the run ended", () => {
    const text = metricsText(leaking);
    expect(text).toContain('tenancy_verify_attempts{stack="dev",store="postgres",verdict="LEAK"} 1\n');
    expect(text).toContain('tenancy_verify_attempts{stack="dev",store="postgres",verdict="denied as expected"} 3\n');
    expect(text).toContain('tenancy_verify_attempts{stack="dev",store="redis",verdict="could not run"} 0\n');
    expect(text).toContain('tenancy_verify_leaks{stack="dev"} 1\n');
    expect(text).toContain('tenancy_verify_exit_code{stack="dev"} 1\n');
    expect(text).toContain('tenancy_verify_duration_seconds{stack="dev"} 12.34\n');
    expect(text).toContain('tenancy_verify_last_run_timestamp_seconds{stack="dev"} 1795378512.34\n');
    expect(text.match(/^# TYPE /gm)).toHaveLength(7);
    expect(metricsText(report({ stack: 'a"b\\c\nd' }))).toContain('stack="a\\"b\\\\c\\nd"');
  });

  it("are written whole, for another user to read, and leave no other file", () => {
    const folder = mkdtempSync(join(tmpdir(), "tenancy-metrics-"));
    const path = join(folder, "tenancy.prom");
    writeWhole(path, "one 1\n");
    writeWhole(path, "two 2\n");
    expect(readFileSync(path, "utf8")).toBe("two 2\n");
    expect(statSync(path).mode & 0o777).toBe(0o644);
    expect(readdirSync(folder)).toEqual(["tenancy.prom"]);
    expect(() => {
      writeWhole(join(folder, "none", "x.prom"), "");
    }).toThrow("ENOENT");
    rmSync(folder, { recursive: true });
  });
});

describe("scrubber", () => {
  it("takes secrets out of a text, also encoded, the longest first", () => {
    const scrub = scrubber(["hunter2/hunter2", "hunter2/hunter2+more", 'quote"secret']);
    expect(scrub("password hunter2/hunter2+more!")).toBe("password [secret]!");
    expect(scrub("at redis://u:hunter2%2Fhunter2@host")).toBe("at redis://u:[secret]@host");
    expect(scrub(`{"p":"quote\\"secret"}`)).toBe('{"p":"[secret]"}');
    expect(scrub(Buffer.from("hunter2/hunter2").toString("base64"))).toBe("[secret]");
    expect(scrub("nothing here")).toBe("nothing here");
  });
});
