/** `npm run preview:example`: both clouds' registries through the real program, without a server or an account. */
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const project = resolve(import.meta.dirname, "..", "..");

function preview(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const command = [join(project, "dev", "preview-example.ts"), ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd: project, encoding: "utf8" });
  return { code: status, stdout, stderr };
}

describe("preview of an example", () => {
  it("lists what AWS would get, children below their component, and how many", () => {
    const { code, stdout, stderr } = preview("aws");
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^tenancy:index:TenantDatabaseSilo acme$/m);
    expect(stdout).toMatch(/^ {2}aws:rds\/instance:Instance acme-instance {2}\[protected\]$/m);
    expect(stdout.trimEnd().split("\n").at(-1)).toBe("56 resources: 33 aws, 5 postgresql, 1 random, 17 tenancy");
    expect(stdout).not.toContain("set-as-a-secure-value");
  });

  it("lists what Kubernetes would get", () => {
    const { code, stdout } = preview("kubernetes");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {4}kubernetes:postgresql\.cnpg\.io\/v1:Cluster org-123-cluster {2}\[protected\]$/m);
    expect(stdout.trimEnd().split("\n").at(-1)).toBe("43 resources: 32 kubernetes, 1 random, 10 tenancy");
  });

  it("names the examples where another is asked for, and ends with 1", () => {
    const { code, stdout, stderr } = preview("azure");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toBe(
      'error: there is no example "azure"; allowed are aws, kubernetes: `npm run preview:example -- aws`.\n',
    );
  });
});
