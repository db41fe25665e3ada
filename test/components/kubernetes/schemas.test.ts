import { describe, expect, it } from "vitest";
import { crdFolder, faultsOf, hasSchema, type Rendered } from "../../support/kubernetes/schemas.ts";
import { rendered, siloOf, variants } from "./fixture.ts";

const folder = crdFolder();
const isOperators = ({ apiVersion }: Rendered): boolean => /^(postgresql|barmancloud)\.cnpg\.io\//.test(apiVersion);
const withCrds = folder === undefined ? it.skip : it;
if (folder === undefined) {
  console.error("skipped: no folder shared/crds beside the project, and TENANCY_TEST_CRDS is not set");
}

describe.each(Object.entries(variants))("a tenant %s", (_name, variant) => {
  it("consists of objects that the schemas of Kubernetes, cert-manager and Prometheus know in every field", async () => {
    const objects = rendered(variant).filter((object) => !isOperators(object));
    expect(objects.length).toBeGreaterThanOrEqual(18);
    for (const object of objects) expect(await faultsOf(object), object.metadata.name).toEqual([]);
  });

  withCrds("consists of objects that CloudNativePG and its plugin know in every field", async () => {
    const objects = rendered(variant).filter(isOperators);
    expect(objects.map(({ kind }) => kind)).toContain("Cluster");
    for (const object of objects) {
      expect(hasSchema(object)).toBe(true);
      expect(await faultsOf(object), `${object.kind} ${object.metadata.name}`).toEqual([]);
    }
  });
});

describe("the validation itself", () => {
  it("refuses an unknown field of an object of Kubernetes, at any depth, and a wrong value", async () => {
    const [policy] = siloOf().policies;
    const spoiled = { ...policy, spec: { ...policy?.spec, podSelectors: {} } } as unknown as Rendered;
    expect(await faultsOf(spoiled)).toEqual(["networking.k8s.io/v1 NetworkPolicy/spec/podSelectors: unknown field"]);
    const { job } = siloOf().migration ?? {};
    const text = JSON.stringify(job).replace('"restartPolicy":"Never"', '"restartPolicies":"Never"');
    expect(await faultsOf(JSON.parse(text) as Rendered)).toEqual([
      "batch/v1 Job/spec/template/spec/restartPolicies: unknown field",
    ]);
    const number = JSON.stringify(job).replace('"backoffLimit":4', '"backoffLimit":"4"');
    expect((await faultsOf(JSON.parse(number) as Rendered)).join()).toContain(
      '/spec/backoffLimit: invalid {"type":"integer"}',
    );
  });

  withCrds("refuses an unknown field of CloudNativePG's objects, and a value that is not in its list", async () => {
    const { cluster, scheduledBackup } = siloOf();
    const spoiled = { ...cluster, spec: { ...cluster.spec, instance: 3 } };
    expect((await faultsOf(spoiled)).join()).toContain("must NOT have additional properties");
    const backup = JSON.stringify(scheduledBackup).replace('"method":"plugin"', '"method":"plugins"');
    expect((await faultsOf(JSON.parse(backup) as Rendered)).join()).toContain("/spec/method");
    const nested = JSON.stringify(cluster).replace('"pg_hba"', '"pg_hbas"');
    expect((await faultsOf(JSON.parse(nested) as Rendered)).join()).toContain("pg_hbas");
  });
});
