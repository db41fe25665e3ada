/** With TENANCY_TEST_KUBECONFIG: the attempts against namespaces of a real API server, with and without its defences. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  limitRangeManifest,
  namespaceManifest,
  resourceQuotaManifest,
  serviceAccountManifest,
} from "../../components/kubernetes/namespace.ts";
import { basePolicies } from "../../components/kubernetes/network-policies.ts";
import { defaultQuota, placeOf, type Place } from "../../components/kubernetes/settings.ts";
import { Api, refusals } from "../../verify/kubernetes/api.ts";
import { accessOf } from "../../verify/kubernetes/kubeconfig.ts";
import { recipes } from "../../verify/kubernetes/catalogue.ts";
import { counts, verdictOf } from "../../verify/kubernetes/report.ts";
import { type NamespaceRun, runNamespaces } from "../../verify/kubernetes/run.ts";

const kubeconfig = process.env.TENANCY_TEST_KUBECONFIG ?? "";
const given = kubeconfig !== "";
if (!given) console.error("skipped: TENANCY_TEST_KUBECONFIG names no kubeconfig of a Kubernetes cluster to attack");

const run = randomBytes(3).toString("hex");
const [own, other] = ["a", "b"].map((name) =>
  placeOf({ tenant: `${name}${run}`, prefix: "nsprobe", externalId: name, tier: "silo" }),
) as [Place, Place];
const platform = { apiServerCidrs: [], applicationNamespaces: [] };
const hardOf = (place: Place) => resourceQuotaManifest(place, defaultQuota, undefined, 0).spec.hard;

async function kubectl(args: readonly string[], input = ""): Promise<string> {
  const { code, text } = await new Promise<{ code: number | null; text: string }>((resolve, reject) => {
    const child = spawn("kubectl", ["--kubeconfig", kubeconfig, ...args]);
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code) => {
      resolve({ code, text });
    });
    child.stdin.end(input);
  });
  expect(code, text).toBe(0);
  return text;
}

async function apply(...items: readonly unknown[]): Promise<void> {
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  await kubectl(["apply", "--server-side", "--force-conflicts", "--filename", "-"], list);
}

/** Puts into place what a tenant's namespace has; the quota's use is noted here where no controller runs. */
async function furnish(place: Place): Promise<void> {
  await apply(
    namespaceManifest(place),
    limitRangeManifest(place),
    resourceQuotaManifest(place, defaultQuota, undefined, 0),
    serviceAccountManifest(place, platform),
    ...basePolicies(place, platform),
  );
  const used = Object.fromEntries(Object.keys(hardOf(place)).map((key) => [key, "0"]));
  const status = JSON.stringify({ status: { hard: hardOf(place), used } });
  const quota = ["resourcequota", "tenant", "--namespace", place.namespace];
  await kubectl(["patch", ...quota, "--subresource=status", "--type=merge", "--patch", status]);
}

describe.runIf(given)("a real API server", () => {
  let administrator: Api;
  const attack = (): Promise<NamespaceRun> =>
    runNamespaces({ administrator, pairs: [{ own, other }], signal: new AbortController().signal });
  const leaks = ({ results }: NamespaceRun): string[] =>
    results.filter(({ verdict }) => verdict === "LEAK").map(({ attempt }) => attempt.id.replace("kubernetes/", ""));

  beforeAll(async () => {
    administrator = new Api(accessOf(kubeconfig, undefined));
    await furnish(own);
    await furnish(other);
  }, 60_000);

  afterAll(async () => {
    administrator.close();
    await kubectl(["delete", "clusterrolebinding", `tenancy-test-${run}`, "--ignore-not-found"]);
    await kubectl(["delete", "namespace", own.namespace, other.namespace, "--wait=false"]);
  });

  it("denies every attempt, and every control works", async () => {
    const found = await attack();
    expect(found.faults).toEqual([]);
    const deviations = found.results.filter(({ verdict }) => !["denied as expected", "not made"].includes(verdict));
    expect(deviations.map(({ attempt, verdict, detail }) => `${attempt.id}: ${verdict}: ${detail}`)).toEqual([]);
    const { "denied as expected": denied, "not made": left } = counts(found.results);
    console.error(`${denied} denied as expected, ${left} not made`);
    expect(denied + left).toBe(recipes.length);
    // Without CloudNativePG's definitions three are not made.
    expect([0, 3]).toContain(left);
    expect(verdictOf(found)).toBe("isolated");
  });

  it("shows an account that may do everything as a leak of every attempt by an account", async () => {
    const account = `${own.namespace}:default`;
    const bind = ["clusterrolebinding", `tenancy-test-${run}`];
    await kubectl(["create", ...bind, "--clusterrole=cluster-admin", `--serviceaccount=${account}`]);
    const found = await attack();
    await kubectl(["delete", ...bind]);
    const expected = found.results.filter(({ account, verdict }) => account === "default" && verdict !== "not made");
    expect(leaks(found).sort()).toEqual(expected.map(({ attempt }) => attempt.id.replace("kubernetes/", "")).sort());
    expect(expected.length).toBeGreaterThanOrEqual(34);
  });

  it("shows a namespace without Pod Security, quota and locked account as a leak of each", async () => {
    await kubectl(["label", "namespace", own.namespace, "pod-security.kubernetes.io/enforce-"]);
    await kubectl(["delete", "resourcequota", "tenant", "--namespace", own.namespace]);
    await apply({ ...serviceAccountManifest(own, platform), automountServiceAccountToken: true });
    const found = await attack();
    // An API server without --allow-privileged refuses privileged containers everywhere.
    const refused = found.results.some(({ detail }) => detail === refusals.privileged) ? "privileged-pod" : "";
    expect(leaks(found).sort()).toEqual(
      recipes
        .filter(({ by, id }) => by === "deployer" && id !== refused)
        .map(({ id }) => id)
        .sort(),
    );
    await furnish(own);
  });
});
