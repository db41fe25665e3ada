/** With TENANCY_TEST_KUBECONFIG_NODES, a cluster with nodes and a network plugin: a pod tries another tenant's database. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { namespaceManifest, serviceAccountManifest } from "../../components/kubernetes/namespace.ts";
import { basePolicies, siloPolicies } from "../../components/kubernetes/network-policies.ts";
import { placeOf, type Place } from "../../components/kubernetes/settings.ts";
import { Api } from "../../verify/kubernetes/api.ts";
import { tryConnection } from "../../verify/kubernetes/connection.ts";
import { accessOf } from "../../verify/kubernetes/kubeconfig.ts";
import { inside, podManifest, policies } from "../../verify/kubernetes/requests.ts";

const kubeconfig = process.env.TENANCY_TEST_KUBECONFIG_NODES ?? "";
const image = process.env.TENANCY_TEST_POSTGRES_IMAGE ?? "ghcr.io/cloudnative-pg/postgresql:18-standard-trixie";
const given = kubeconfig !== "";
if (!given) console.error("skipped: TENANCY_TEST_KUBECONFIG_NODES names no kubeconfig of a cluster that runs pods");

const run = randomBytes(3).toString("hex");
const [own, other] = ["a", "b"].map((name) =>
  placeOf({ tenant: `${name}${run}`, prefix: "nsprobe", externalId: name, tier: "silo" }),
) as [Place, Place];
const applications = `nsprobe-applications-${run}`;
const platform = { apiServerCidrs: ["192.0.2.1/32"], applicationNamespaces: [applications] };

describe.runIf(given)("a network plugin", () => {
  let administrator: Api;
  const make = async (path: string, body: unknown): Promise<void> => {
    const { status, body: told } = await administrator.ask({ method: "POST", path, body });
    // A service account is made with its namespace.
    expect([200, 201, 409], JSON.stringify(told)).toContain(status);
  };

  beforeAll(async () => {
    administrator = new Api(accessOf(kubeconfig, undefined));
    await make("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: applications } });
    for (const place of [own, other]) {
      await make("/api/v1/namespaces", namespaceManifest(place));
      await make(inside(place.namespace, "serviceaccounts"), serviceAccountManifest(place, platform));
      for (const policy of basePolicies(place, platform)) await make(policies(place.namespace), policy);
    }
    const options = { open: true, objectStore: false, clientCidrs: [] };
    for (const policy of siloPolicies(other, platform, options)) await make(policies(other.namespace), policy);
    const labels = { "cnpg.io/cluster": other.cluster };
    const start = "initdb -D /tmp/data && exec postgres -D /tmp/data -c listen_addresses='*' -k /tmp";
    const database = podManifest(other.namespace, {
      name: "database",
      labels,
      image,
      command: ["sh", "-c", start],
      cpu: "500m",
      memory: "512Mi",
      podSecurity: { runAsUser: 26 },
    });
    await make(inside(other.namespace, "pods"), database);
    await make(inside(other.namespace, "services"), {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: `${other.cluster}-rw` },
      spec: { selector: labels, ports: [{ port: 5432 }] },
    });
  }, 60_000);

  afterAll(async () => {
    for (const namespace of [own.namespace, other.namespace, applications]) {
      await administrator.ask({ method: "DELETE", path: `/api/v1/namespaces/${namespace}` });
    }
    administrator.close();
  });

  it("denies a connection from another tenant's namespace and lets an application's through", async () => {
    const connection = { image, applicationNamespace: applications };
    let found = await tryConnection(administrator, { own, other }, connection);
    // The database may still be starting.
    for (let again = 0; again < 20 && found.control.kind !== "proven"; again += 1) {
      await sleep(3000);
      found = await tryConnection(administrator, { own, other }, connection);
    }
    expect(found).toMatchObject({ verdict: "denied as expected", detail: "no response" });
  }, 600_000);
});
