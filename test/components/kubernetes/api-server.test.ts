/** With TENANCY_TEST_KUBECONFIG: a real API server checks every object, Pod Security and quota included. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Job, PodTemplate, StatefulSet } from "../../../components/kubernetes/manifest.ts";
import type { Rendered } from "../../support/kubernetes/schemas.ts";
import { rendered, variants } from "./fixture.ts";

const kubeconfig = process.env.TENANCY_TEST_KUBECONFIG ?? "";
const given = kubeconfig !== "";
if (!given) console.error("skipped: TENANCY_TEST_KUBECONFIG names no kubeconfig of a Kubernetes cluster to ask");

function kubectl(args: readonly string[], input = ""): Promise<{ code: number | null; text: string }> {
  return new Promise((resolve, reject) => {
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
}

function dryRun(objects: readonly unknown[]): Promise<{ code: number | null; text: string }> {
  const list = { apiVersion: "v1", kind: "List", items: objects };
  const args = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename", "-"];
  return kubectl(args, JSON.stringify(list));
}

/** A namespace of this run, so that nothing that lives is touched. */
const namespace = `tenancy-test-${randomBytes(4).toString("hex")}`;
const moved = (objects: readonly Rendered[]): Rendered[] =>
  objects
    .filter(({ kind }) => kind !== "Namespace")
    .map((object) => ({ ...object, metadata: { ...object.metadata, namespace } }));

describe.runIf(given)("a real API server", () => {
  let kinds = new Set<string>();

  beforeAll(async () => {
    const [first] = rendered();
    const created = await kubectl(
      ["create", "--filename", "-"],
      JSON.stringify({ ...first, metadata: { ...first?.metadata, name: namespace } }),
    );
    expect(created.code, created.text).toBe(0);
    const { text } = await kubectl(["api-resources", "--no-headers"]);
    kinds = new Set(text.split("\n").map((line) => line.trim().split(/\s+/).at(-1) ?? ""));
  });

  afterAll(async () => {
    await kubectl(["delete", "namespace", namespace, "--wait=false"]);
  });

  it.each(Object.entries(variants))("accepts every object of a tenant %s", async (_name, variant) => {
    const objects = moved(rendered(variant));
    const known = objects.filter(({ kind }) => kinds.has(kind));
    // Only what an operator brings may be unknown to the cluster.
    const missing = objects.filter(({ kind }) => !kinds.has(kind)).map(({ apiVersion }) => apiVersion);
    expect(missing.filter((version) => !/\.(?:io|com)\//.test(version))).toEqual([]);
    expect(known.length).toBeGreaterThanOrEqual(18);
    const { code, text } = await dryRun(known);
    expect(code, text).toBe(0);
    const lines = text.trim().split("\n");
    expect(lines.filter((line) => line.includes("would violate PodSecurity"))).toEqual([]);
    expect(lines.filter((line) => line.endsWith("(server dry run)"))).toHaveLength(known.length);
  });

  it("runs the pods that are made here under the Pod Security standard restricted, and no others", async () => {
    const templates = moved(rendered())
      .filter((object): object is Job | StatefulSet => object.kind === "Job" || object.kind === "StatefulSet")
      .map((object) => [object.metadata.name, object.spec.template] as const);
    expect(templates).toHaveLength(3);
    for (const [name, template] of templates) {
      const { code, text } = await dryRun([podOf(name, template)]);
      expect(code, text).toBe(0);
    }
    const [[name, template] = ["", undefined]] = templates;
    const rooted = { ...template, spec: { ...template?.spec, hostNetwork: true } };
    const refused = await dryRun([podOf(name, rooted as unknown as PodTemplate)]);
    expect(refused.code).not.toBe(0);
    expect(refused.text).toContain('violates PodSecurity "restricted');
  });
});

function podOf(name: string, { metadata, spec }: PodTemplate): unknown {
  return { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, name, namespace }, spec };
}
