import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { assertFits } from "../../components/kubernetes/quantities.ts";
import { validateSilo } from "../../components/kubernetes/validate.ts";
import { parsePlatform } from "../../components/platform.ts";
import { loadRegistry } from "../../tenants/load.ts";

const project = resolve(import.meta.dirname, "../..");
const page = readFileSync(join(project, "docs/kubernetes.md"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "docs-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function blocks(language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map((match) => match[1] ?? "");
}

describe("docs/kubernetes.md", () => {
  const platform = parsePlatform(JSON.parse(blocks("json")[0] ?? "") as unknown, "docs/kubernetes.md", folder);
  const [complete = "", recovery = ""] = blocks("yaml");

  function load(text: string) {
    const path = join(folder, "registry.yaml");
    writeFileSync(path, text);
    return loadRegistry(path, { templates: join(project, "templates"), servers: platform.infos });
  }

  it("shows a platform and a registry without faults, of a tenant that can be made as it stands", () => {
    const { tenants } = load(complete);
    expect(tenants.map(({ id, tier, stores }) => [id, tier, stores])).toEqual([
      ["org-123", "silo", ["postgres", "neo4j"]],
    ]);
    const [tenant] = tenants;
    const { east } = platform.kubernetes;
    if (tenant?.silo === undefined || east === undefined) throw new Error("the page shows a silo on a cluster");
    expect(validateSilo("org-123", tenant.silo, east)).toBe("ghcr.io/cloudnative-pg/postgresql:18-standard-trixie");
  });

  it("shows a recovery that the registry takes beside its source", () => {
    const { tenants } = load(`${complete}${recovery.replace("tenants:\n", "")}`);
    expect(tenants.map(({ id, silo }) => [id, silo?.recoverFrom])).toEqual([
      ["org-123", undefined],
      ["org-123-restored", { tenant: "org-123", time: "2026-03-01T12:00:00Z" }],
    ]);
  });

  it("counts the quota as the program does: the sum of its table fits exactly, and less does not", () => {
    const silo = load(complete).tenants[0]?.silo;
    const { east } = platform.kubernetes;
    if (silo === undefined || east === undefined) throw new Error("the page shows a silo on a cluster");
    const [, cpu = "", most = "", memory = ""] =
      /^\| together\s*\| (\S+)\s*\| (\S+)\s*\| (\S+)\s*\|$/m.exec(page) ?? [];
    const quota = { requestsCpu: cpu, limitsCpu: most, requestsMemory: memory, limitsMemory: memory, volumeClaims: 3 };
    const fits = (over: Partial<typeof quota>) => () => {
      assertFits("org-123", { ...silo, quota: { ...quota, ...over } }, east);
    };
    expect(fits({})).not.toThrow();
    expect(fits({ requestsCpu: "1899m" })).toThrow("requestsCpu is 1899m, needed are 1900m");
    expect(fits({ limitsCpu: "3799m" })).toThrow("needed are 3800m");
    expect(fits({ requestsMemory: "3711Mi" })).toThrow("needed are 3712Mi");
    expect(fits({ volumeClaims: 2 })).toThrow("volumeClaims is 2, needed are 3");
  });
});
