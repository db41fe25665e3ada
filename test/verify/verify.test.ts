/** A whole run against a named tenant, with probes whose servers say what no report may show. */
import { describe, expect, it } from "vitest";
import type { ProbeSession } from "../../verify/attempt.ts";
import { partySecrets } from "../../verify/parties.ts";
import { htmlReport } from "../../verify/report/html.ts";
import { jsonReport } from "../../verify/report/json.ts";
import { junitReport } from "../../verify/report/junit.ts";
import { metricsText } from "../../verify/report/metrics.ts";
import { textReport } from "../../verify/report/text.ts";
import { overall } from "../../verify/summary.ts";
import { verify, type VerifyOptions } from "../../verify/verify.ts";
import { attempt, denied, fakeProbe, party } from "./fake.ts";

const acme = party("acme");
const beta = party("beta");

function options(over: Partial<VerifyOptions> = {}): VerifyOptions {
  return {
    version: "0.1.0",
    project: "tenancy",
    stack: "dev",
    probes: [fakeProbe()],
    tenants: [acme],
    against: beta,
    leases: "/nonexistent",
    concurrency: 4,
    minutes: 15,
    signal: new AbortController().signal,
    secrets: [...partySecrets(acme), ...partySecrets(beta), "provisioner-secret"],
    faults: [],
    notes: [],
    onStart: () => undefined,
    onResult: () => undefined,
    onStatus: () => undefined,
    ...over,
  };
}

describe("verify", () => {
  it("shows no secret in any report, wherever a server repeats one", async () => {
    const secret = acme.postgres?.password ?? "";
    const other = beta.redis?.password ?? "";
    const probe = fakeProbe({
      attempts: [attempt("leaks"), attempt("fails"), attempt("no-control")],
      answers: {
        "postgres/leaks": () => ({ kind: "allowed", evidence: `row: ${secret}` }),
        "postgres/fails": () => ({ kind: "failed", reason: `cannot log in with ${encodeURIComponent(other)}` }),
      },
      controls: { "postgres/no-control": { kind: "failed", reason: `password ${JSON.stringify(secret)} is wrong` } },
      visible: () => [`pg_authid shows ${secret}`],
    });
    const failing = fakeProbe({
      store: "redis",
      visible: () => {
        throw new Error(`redis://admin:provisioner-secret@redis.example.com`);
      },
    });
    const report = await verify(options({ probes: [probe, failing] }));
    expect(report.results.map(({ attempt: one, verdict }) => `${one.id} ${verdict}`).sort()).toEqual([
      "postgres/fails could not run",
      "postgres/leaks LEAK",
      "postgres/no-control could not run",
      "redis/read-table denied as expected",
    ]);
    for (const text of [
      textReport(report, false),
      jsonReport(report),
      junitReport(report),
      htmlReport(report),
      metricsText(report),
    ]) {
      expect(text).not.toMatch(/app-secret|redis-secret|provisioner-secret/);
    }
    expect(textReport(report, false)).toContain("row: [secret]");
    expect(report.faults).toEqual([
      "redis main: what acme sees of beta is not known: redis://admin:[secret]@redis.example.com",
    ]);
  });

  it("names servers without their logins", async () => {
    const { servers } = await verify(options());
    expect(servers).toEqual([
      { store: "postgres", name: "main", address: "db.example.com:5432/tenants", embedded: false },
    ]);
  });

  it("tells that it was stopped, and what was done until then", async () => {
    const abort = new AbortController();
    const probe = fakeProbe({
      attempts: [attempt("one"), attempt("two")],
      answers: {
        "postgres/one": () => {
          abort.abort();
          return denied;
        },
      },
    });
    const report = await verify(options({ probes: [probe], signal: abort.signal }));
    expect(report.stopped).toBe("stopped before its end");
    expect(report.results.map(({ verdict, detail }) => `${verdict}: ${detail}`)).toEqual([
      "denied as expected: 42501",
      "could not run: stopped",
    ]);
    expect(overall(report)).toBe("could not tell");
  });

  it("ends although an attempt does not, and tells of it", async () => {
    const abort = new AbortController();
    const hanging: ProbeSession = {
      attempt: () => {
        abort.abort();
        return new Promise(() => undefined);
      },
      close: () => Promise.resolve(),
    };
    const probe = { ...fakeProbe(), open: () => Promise.resolve(hanging) };
    const report = await verify(options({ probes: [probe], signal: abort.signal, stopLimitMs: 20 }));
    expect(report.faults).toEqual(["an attempt did not end within 0.02 s after the stop"]);
    expect(overall(report)).toBe("could not tell");
  });

  it("stops by itself when its time is over", async () => {
    const hanging: ProbeSession = {
      attempt: () => new Promise(() => undefined),
      close: () => Promise.resolve(),
    };
    const probe = { ...fakeProbe(), open: () => Promise.resolve(hanging) };
    const report = await verify(options({ probes: [probe], minutes: 0.0001, stopLimitMs: 1 }));
    expect(report.stopped).toBe("stopped after 0.0001 minutes, when the canary expires (--minutes)");
    expect(overall(report)).toBe("could not tell");
  });
});
