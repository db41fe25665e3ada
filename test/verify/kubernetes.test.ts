/** Attempts against namespaces: each denied by an API server that is as it should be, each a leak where it is not. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { placeOf } from "../../components/kubernetes/settings.ts";
import { Api, outcomeOf } from "../../verify/kubernetes/api.ts";
import { recipes } from "../../verify/kubernetes/catalogue.ts";
import { tryConnection } from "../../verify/kubernetes/connection.ts";
import { attemptOf } from "../../verify/kubernetes/recipe.ts";
import { counts, namespaceJson, namespaceText, verdictOf } from "../../verify/kubernetes/report.ts";
import { type NamespaceRun, ring, runNamespaces } from "../../verify/kubernetes/run.ts";
import {
  accountToken,
  adminToken,
  byAccount,
  byDeployer,
  fakeApiServer,
  type FakeApiServer,
} from "./kubernetes-fake.ts";

const place = (tenant: string) => placeOf({ tenant, prefix: "tenant", externalId: tenant, tier: "silo" });
const [a, b, c] = [place("a"), place("b"), place("c")];
const short = (id: string): string => id.replace("kubernetes/", "");
const withVerdict = ({ results }: NamespaceRun, wanted: string): string[] =>
  results.filter(({ verdict }) => verdict === wanted).map(({ attempt }) => short(attempt.id));

let server: FakeApiServer;
let administrator: Api;
const attack = (signal = new AbortController().signal): Promise<NamespaceRun> =>
  runNamespaces({ administrator, pairs: [{ own: a, other: b }], signal });

beforeAll(async () => {
  server = await fakeApiServer();
  const address = `https://127.0.0.1:${server.port}`;
  administrator = new Api({ server: address, ca: server.ca, insecure: false, token: adminToken });
});
afterEach(() => {
  server.broken = {};
  server.asked.length = 0;
});
afterAll(async () => {
  administrator.close();
  await server.close();
});

describe("the catalogue", () => {
  it("has each attempt once, in the fake server's table and in the documents", () => {
    const ids = recipes.map(({ id }) => id);
    expect(new Set(ids).size).toBe(45);
    expect(ids).toEqual([...byAccount.map(([id]) => id), ...Object.keys(byDeployer)]);
    const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "kubernetes.md"), "utf8");
    expect(ids.filter((id) => !page.includes(`\`${id}\``))).toEqual([]);
  });

  it("asks for nothing that would change or open something", () => {
    const scene = { own: a, other: b };
    for (const { id, request, control } of recipes) {
      for (const { method, path } of [request(scene), ...(control === undefined ? [] : [control(scene)])]) {
        const harmless =
          path.endsWith("?dryRun=All") || /\/(selfsubject\w*reviews|tenancy-verify-none\/\w+(\?.*)?)$/.test(path);
        expect(method === "GET" || harmless, `${id}: ${method} ${path}`).toBe(true);
      }
    }
  });

  it("shows how an attempt is made with the names of attacker and victim", () => {
    const how = new Map(recipes.map((recipe) => [recipe.id, attemptOf(recipe).how]));
    expect(how.get("read-login")).toBe("GET /api/v1/namespaces/tenant-victim/secrets/tenant-victim-login-app");
    expect(how.get("impersonate")).toContain(" with Impersonate-User: system:serviceaccount:tenant-victim:default");
    expect(how.get("root-pod")).toBe(
      "POST /api/v1/namespaces/tenant-attacker/pods?dryRun=All by whoever may make pods there",
    );
  });
});

describe("a run", () => {
  it("is isolated where every attempt is denied and every control works", async () => {
    const run = await attack();
    expect(run.faults).toEqual([]);
    expect(counts(run.results)).toEqual({
      "denied as expected": 45,
      LEAK: 0,
      "denied differently": 0,
      "could not run": 0,
      "not made": 0,
    });
    expect(run.results.every(({ control }) => control?.kind === "proven")).toBe(true);
    expect(verdictOf(run)).toBe("isolated");
    // Each request was the account's own, and made as the table has it.
    for (const [, asks] of byAccount) expect(server.asked).toContain(`account: ${asks}`);
  });

  // Attempt n is let through in the runs of its binary digits: each leaks in some, and no two leak in the same ones.
  it.each([1, 2, 4, 8, 16, 32])("shows exactly the attempts that are let through as leaks, digit %i", async (digit) => {
    const isChosen = (_: unknown, at: number): boolean => ((at + 1) & digit) > 0;
    const ids = [...byAccount.map(([id]) => id), ...Object.keys(byDeployer)].filter(isChosen);
    const allowed = byAccount.filter(([id]) => ids.includes(id)).map(([, asks]) => asks);
    const admitted = Object.keys(byDeployer).filter((id) => ids.includes(id));
    server.broken = { allowed, admitted };
    const run = await attack();
    // Two attempts change the labels of the same namespace: the right to do so is one.
    const leaks = recipes
      .map(({ id }) => id)
      .filter((id) => admitted.includes(id) || byAccount.some(([one, asks]) => one === id && allowed.includes(asks)));
    expect(leaks.length).toBeGreaterThanOrEqual(14);
    expect(withVerdict(run, "LEAK")).toEqual(leaks);
    expect(withVerdict(run, "denied as expected")).toHaveLength(45 - leaks.length);
    expect(verdictOf(run)).toBe("leak");
  });

  it("cannot tell where the control does not work either", async () => {
    const [, asks] = byAccount[0] ?? ["", ""];
    server.broken = { refused: [asks] };
    const run = await attack();
    expect(withVerdict(run, "could not run")).toEqual(["list-secrets"]);
    expect(run.results[0]?.detail).toBe("denied, but its control does not work either (denied: 403 Forbidden)");
    expect(verdictOf(run)).toBe("could not tell");
  });

  it("cannot tell where something other than missing rights refused, or nothing answered", async () => {
    const [first, second] = [byAccount[0]?.[1] ?? "", byAccount[3]?.[1] ?? ""];
    server.broken = {
      instead: { [first]: [503, "etcd is gone"], [second]: [403, 'admission webhook "x" denied the request'] },
    };
    const run = await attack();
    expect(withVerdict(run, "could not run")).toEqual(["list-secrets"]);
    expect(withVerdict(run, "denied differently")).toEqual(["create-pod"]);
    expect(run.results[0]?.detail).toBe("the API server answers 503");
    expect(verdictOf(run)).toBe("could not tell");
  });

  it("leaves out what is about databases where the cluster has no CloudNativePG", async () => {
    server.broken = { withoutDatabases: true };
    const run = await attack();
    expect(withVerdict(run, "not made")).toEqual(["read-database", "delete-database", "list-all-databases"]);
    expect(withVerdict(run, "denied as expected")).toHaveLength(42);
    expect(verdictOf(run)).toBe("isolated");
  });

  it("tries nothing against a namespace whose label names another tenant", async () => {
    server.broken = { otherTenant: "somebody" };
    const run = await attack();
    expect(run.results).toEqual([]);
    expect(run.faults).toHaveLength(1);
    expect(run.faults[0]).toContain('tenant a against b: namespace tenant-b has label tenant "somebody" and not "b"');
    expect(server.asked.filter((one) => one.startsWith("account"))).toEqual([]);
    expect(verdictOf(run)).toBe("could not tell");
  });

  it("tries nothing with a token that is not known as the account's", async () => {
    server.broken = { tokensOf: "system:serviceaccount:tenant-c:default" };
    const run = await attack();
    expect(run.results).toEqual([]);
    expect(run.faults[0]).toContain("the API server does not know it as the account's");
    expect(verdictOf(run)).toBe("could not tell");
  });

  it("is no verdict after it was stopped", async () => {
    const run = await attack(AbortSignal.abort());
    expect(run).toEqual({ results: [], faults: ["tenant a: stopped before its attempts"] });
    expect(verdictOf(run)).toBe("could not tell");
  });

  it("does not trust a server of another authority, and says nothing of the token", async () => {
    const api = new Api({ server: `https://127.0.0.1:${server.port}`, insecure: false, token: adminToken });
    const run = await runNamespaces({ administrator: api, pairs: [{ own: a, other: b }], signal: AbortSignal.any([]) });
    api.close();
    expect(run.faults).toHaveLength(1);
    expect(run.faults[0]).toMatch(/does not answer: (SELF_SIGNED_CERT|UNABLE_TO_)/);
    expect(server.asked).toEqual([]);
  });
});

describe("a connection from a pod", () => {
  const connection = { image: "postgres", applicationNamespace: "applications", pollMs: 1, polls: 3 };
  const connect = () => tryConnection(administrator, { own: a, other: b }, connection);

  it.each([
    ["is denied where nothing answers, and an application is let in", 2, 0, "denied as expected", "no response"],
    ["is a leak where the database accepts", 0, 0, "LEAK", "accepted"],
    ["is a leak where the database answers at all", 1, 0, "LEAK", "answered"],
    [
      "proves nothing where an application is not let in either",
      2,
      2,
      "could not run",
      "denied, but its control does not work either (no response)",
    ],
    ["proves nothing where pg_isready is not there", 127, 0, "could not run", "pg_isready in tenant-a ended with 127"],
    [
      "proves nothing where the pod does not start",
      undefined,
      0,
      "could not run",
      "the pod in tenant-a did not end: ImagePullBackOff",
    ],
  ])("%s", async (_name, own, application, verdict, detail) => {
    const codes = { applications: application };
    server.broken = { exitCodes: own === undefined ? codes : { ...codes, "tenant-a": own } };
    expect(await connect()).toMatchObject({ verdict, detail });
    // Both pods are removed again.
    expect(server.asked.filter((one) => one.startsWith("admin: DELETE "))).toHaveLength(2);
    expect(server.asked.filter((one) => one.startsWith("admin: POST "))).toHaveLength(2);
  });

  it("is tried in a run that is told to, and in no other", async () => {
    server.broken = { exitCodes: { "tenant-a": 0, applications: 0 } };
    const signal = new AbortController().signal;
    const run = await runNamespaces({ administrator, pairs: [{ own: a, other: b }], signal, connection });
    expect(withVerdict(run, "LEAK")).toEqual(["connect"]);
    expect(withVerdict(run, "denied as expected")).toHaveLength(45);
  });
});

describe("an answer", () => {
  const answered = (status: number, body: object) => outcomeOf({ status, body: { kind: "Status", ...body } });

  it("that an object is missing is a right to it, and that a path is unknown is none", () => {
    expect(answered(404, { reason: "NotFound", details: { name: "x" } })).toEqual({
      kind: "allowed",
      evidence: "authorised, then 404 NotFound",
    });
    expect(answered(404, { reason: "NotFound", details: {} })).toMatchObject({ kind: "failed" });
  });

  it("of 401 is a broken login and no denial", () => {
    expect(answered(401, { reason: "Unauthorized" })).toEqual({
      kind: "failed",
      reason: "the API server answers 401 Unauthorized",
    });
  });
});

describe("a report", () => {
  it("names each leak with its pairs first, and never a token", async () => {
    server.broken = { allowed: [`GET /api/v1/namespaces/tenant-b/secrets`] };
    const report = { stack: "prod", cluster: "east", server: "https://east:6443", ...(await attack()) };
    const text = namespaceText(report, false);
    expect(text).toContain("LEAK: kubernetes/list-secrets: 200\n  A tenant tries to list the Secrets of another");
    expect(text).toContain("  a (default) against b\n");
    expect(text.endsWith("45 attempts, 1 pair of tenants: 44 denied as expected, 1 LEAK\nleak")).toBe(true);
    const json = namespaceJson(report);
    expect(JSON.parse(json)).toMatchObject({ overall: "leak", counts: { LEAK: 1 }, cluster: "east" });
    for (const token of [adminToken, accountToken]) expect(text + json).not.toContain(token);
  });
});

describe("tenants in a ring", () => {
  it("are attacker and victim once each, and one alone is neither", () => {
    expect(ring([a, b, c]).map(({ own, other }) => `${own.tenant}${other.tenant}`)).toEqual(["ab", "bc", "ca"]);
    expect(ring([a])).toEqual([]);
    expect(ring([])).toEqual([]);
  });
});
