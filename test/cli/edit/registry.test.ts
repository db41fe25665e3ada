import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { editCommands } from "../../../cli/commands/edit.ts";
import { writeChange } from "../../../cli/edit/files.ts";
import { parsePath, parseSetting, RegistryEditor } from "../../../cli/edit/registry.ts";
import { openProject } from "../../../cli/project.ts";
import { UserError } from "../../../cli/user-error.ts";
import { RegistryError } from "../../../tenants/load.ts";
import { Folder } from "../../tenants/fixture.ts";

const head = `defaults:
  region: local
  stores: [postgres, redis, storage]
  placement: { postgres: main, redis: main, storage: main }
profiles:
  kg: { prefix: tenant, postgres: { template: plain } }
tenants:
`;
const acme = `  # First.
  acme:
    displayName: Acme
    externalId: org_acme
    owner: team
    profile: kg
`;

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
  folder.write({
    "Pulumi.yaml": "name: tenancy\nruntime: nodejs\n",
    "Pulumi.dev.yaml": `config:\n  tenancy:templates: templates\n`,
    "tenants/registry.yaml": `${head}${acme}`,
  });
  for (const file of readdirSync(join(import.meta.dirname, "../../tenants/templates/plain"))) {
    const path = join(import.meta.dirname, "../../tenants/templates/plain", file);
    folder.write({ [`templates/plain/${file}`]: readFileSync(path, "utf8") });
  }
});
afterEach(() => {
  folder.remove();
  vi.restoreAllMocks();
});

const editor = (): RegistryEditor => new RegistryEditor(openProject("dev", folder.path));
const text = (path = "tenants/registry.yaml"): string => readFileSync(join(folder.path, path), "utf8");
const record = { displayName: "Globex", externalId: "org_globex", owner: "team", profile: "kg" };

describe("RegistryEditor", () => {
  it("adds a tenant below the others", () => {
    const it = editor();
    expect(it.apply(it.add("globex", record)).tenants.map(({ id }) => id)).toEqual(["acme", "globex"]);
    const added =
      "\n  globex:\n    displayName: Globex\n    externalId: org_globex\n    owner: team\n    profile: kg\n";
    expect(text()).toBe(`${head}${acme}${added}`);
  });

  it("adds the first tenant to an empty registry on lines of its own", () => {
    folder.write({ "tenants/registry.yaml": head.replace("tenants:\n", "tenants: {} # none yet\n") });
    const it = editor();
    it.apply(it.add("globex", record));
    expect(text()).toContain("tenants: # none yet\n  globex:\n    displayName: Globex\n");
  });

  it("adds a tenant to a file of its own where registry.d is there, and changes and removes it there", () => {
    folder.write({ "tenants/registry.d/.keep": "" });
    editor().apply(editor().add("globex", record));
    const own = "displayName: Globex\nexternalId: org_globex\nowner: team\nprofile: kg\n";
    expect(text("tenants/registry.d/globex.yaml")).toBe(own);
    const it = editor();
    it.apply(it.set(it.find("globex"), [[["state"], "suspended"]]));
    expect(text("tenants/registry.d/globex.yaml")).toBe(`${own}state: suspended\n`);
    const last = editor();
    last.apply(last.remove(last.find("globex")));
    expect(existsSync(join(folder.path, "tenants/registry.d/globex.yaml"))).toBe(false);
    expect(text()).toBe(`${head}${acme}`);
  });

  it("writes nothing where the registry would have faults, and tells all of them at the real file", () => {
    const it = editor();
    const change = it.set(it.find("acme"), [
      [["tier"], "shard"],
      [["connectionLimit"], 3],
    ]);
    let thrown: unknown;
    try {
      it.apply(change);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(RegistryError);
    const { faults } = thrown as RegistryError;
    expect(faults.map(({ path }) => path)).toEqual(["tenants.acme.tier", "tenants.acme.connectionLimit"]);
    expect(new Set(faults.map(({ file }) => file))).toEqual(new Set([join(folder.path, "tenants/registry.yaml")]));
    expect(text()).toBe(`${head}${acme}`);
    expect(readdirSync(join(folder.path, "tenants"))).toEqual(["registry.yaml"]);
  });

  it("refuses to write over what somebody else changed in the meantime", () => {
    const it = editor();
    const change = it.set(it.find("acme"), [[["state"], "suspended"]]);
    folder.write({ "tenants/registry.yaml": `${head}${acme}    labels: { plan: gold }\n` });
    expect(() => it.apply(change)).toThrow(/was changed in the meantime. Nothing was written/);
    expect(text()).toBe(`${head}${acme}    labels: { plan: gold }\n`);
    expect(readdirSync(join(folder.path, "tenants"))).toEqual(["registry.yaml"]);
  });

  it("refuses a file that another command writes, and keeps the file's mode", () => {
    const file = join(folder.path, "tenants/registry.yaml");
    chmodSync(file, 0o640);
    folder.write({ "tenants/.registry.yaml.lock": "1" });
    const change = { file, before: text(), after: `${text()}# x\n` };
    expect(() => {
      writeChange(change);
    }).toThrow(/is being written by another command/);
    expect(text()).toBe(change.before);
    rmSync(join(folder.path, "tenants/.registry.yaml.lock"));
    writeChange(change);
    expect(text()).toBe(change.after);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(readdirSync(join(folder.path, "tenants"))).toEqual(["registry.yaml"]);
  });

  it.each(["../x", "Acme", "a_b", "-a", "", "a".repeat(41)])("refuses %j as an id before it becomes a path", (id) => {
    expect(() => editor().add(id, record, true)).toThrow(/an id has 1 to 40 lower-case letters/);
    expect(() => editor().find(id)).toThrow(/is not in the registry; it has acme/);
  });

  it("refuses an id that is there", () => {
    expect(() => editor().add("acme", record)).toThrow(/is in the registry already/);
  });
});

describe("parseSetting", () => {
  it.each<[string, string[], unknown]>([
    ["postgres.connectionLimit=20", ["postgres", "connectionLimit"], 20],
    ["externalId=123", ["externalId"], "123"],
    ["displayName=true", ["displayName"], "true"],
    ["displayName=", ["displayName"], ""],
    ["stores=[postgres, redis]", ["stores"], ["postgres", "redis"]],
    ['labels["example.com/team"]=1', ["labels", "example.com/team"], "1"],
    ["postgres.variables.dimensions=8", ["postgres", "variables", "dimensions"], 8],
    ["silo.backup.enabled=false", ["silo", "backup", "enabled"], false],
    ["displayName=a=b: c # d", ["displayName"], "a=b: c # d"],
  ])("reads %s by the schema", (setting, path, value) => {
    expect(parseSetting(setting)).toEqual([path, value]);
  });

  it.each(["x", "=1", "a..b=1", ".a=1", "a b=1", 'a["b=1'])("refuses %s", (setting) => {
    expect(() => parseSetting(setting)).toThrow(UserError);
  });

  it("reads paths with dots in quoted keys", () => {
    expect(parsePath('labels["a.b/c"].d')).toEqual(["labels", "a.b/c", "d"]);
  });
});

describe("the commands", () => {
  it("are add, set, suspend, offboard and remove", () => {
    expect(editCommands().map((command) => command.name())).toEqual(["add", "set", "suspend", "offboard", "remove"]);
  });
});
