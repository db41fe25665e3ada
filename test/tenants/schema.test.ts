import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { loadRegistry } from "../../tenants/load.ts";
import { stale } from "../../dev/generate.ts";
import { editorSchema } from "../../tenants/reference.ts";
import { registrySchema } from "../../tenants/schema.ts";
import { validate } from "../../tenants/validate.ts";
import { sourceOf } from "../../tenants/files.ts";
import { parseYaml } from "../../tenants/yaml.ts";
import { Folder, head, shared } from "./fixture.ts";

const project = join(import.meta.dirname, "..", "..");
const examples = join(project, "tenants", "examples");
const files = [
  join(project, "tenants", "registry.yaml"),
  ...readdirSync(examples)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => join(examples, name)),
];
const schema = editorSchema() as object;

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => {
  folder.remove();
});

/** Faults of the form alone. */
function formFaults(text: string): number {
  const source = sourceOf("registry.yaml", text);
  const { root } = parseYaml(source, "");
  const faults: Parameters<typeof validate>[4]["faults"] = [];
  if (root !== undefined) validate(registrySchema, root, { source, offset: 0 }, "", { faults, damaged: false });
  return faults.length;
}

describe("the registries of the project", () => {
  it("has an example for each of the five systems", () => {
    expect(files.map((file) => file.slice(project.length + 1))).toEqual([
      "tenants/registry.yaml",
      ...["ekn", "glyph-foundry", "kato", "knowledge-graph", "oikion"].map((name) => `tenants/examples/${name}.yaml`),
    ]);
  });

  it.each(files)("loads %s, and editors accept it", (file) => {
    const servers = shared({ postgres: ["main"], redis: ["main"], storage: ["main"], neo4j: ["main"] });
    const { tenants } = loadRegistry(file, { templates: join(project, "templates"), servers });
    expect(tenants.length).toBeGreaterThan(0);
    const accepts = new Ajv({ allowUnionTypes: true }).compile(schema);
    accepts(parse(readFileSync(file, "utf8"), { stringKeys: true }));
    expect(accepts.errors).toBeNull();
  });

  it("begins with the schema's place, and has the tenants that the docs name", () => {
    const text = readFileSync(join(project, "tenants", "registry.yaml"), "utf8");
    expect(text.split("\n")[0]).toBe("# yaml-language-server: $schema=./registry.schema.json");
    const { tenants } = loadRegistry(join(project, "tenants", "registry.yaml"), {
      templates: join(project, "templates"),
    });
    expect(tenants.map(({ prefix, id }) => `${prefix}/${id}`)).toEqual([
      "ekn/42",
      "ekn/43",
      "tenant/acme",
      "tenant/acme-corp",
      "glyph/glyph-a",
      "glyph/glyph-b",
      "oikion/org-123",
    ]);
  });
});

describe("what is generated", () => {
  it("is up to date: else run `npm run generate`", async () => {
    expect(await stale()).toEqual([]);
  });

  it("tells of each stale or missing file", async () => {
    expect(await stale(folder.path)).toEqual([
      "tenants/registry.schema.json",
      ...["docs/registry.md", "docs/attempts.md", "docs/policy-rules.md"],
      ...["policies/baseline.json", "policies/regulated.json", "docs/sql-rules.md"],
    ]);
  });

  it.each([
    ["a tier that there is not", { tier: "shard" }],
    ["an unknown key", { ownr: "x" }],
    ["a number as external id", { externalId: 5 }],
    ["a store that does not exist", { stores: ["mongo"] }],
    ["a limit of nothing", { postgres: { connectionLimit: 0 } }],
    ["a folder twice", { storage: { folders: ["a", "a"] } }],
  ])("shows %s in the editor", (_name, more) => {
    const good = { displayName: "A", externalId: "org_a", owner: "team", profile: "kg" };
    const accepts = new Ajv({ allowUnionTypes: true }).compile(schema);
    expect(accepts({ tenants: { a: good } })).toBe(true);
    expect(accepts({ tenants: { a: { ...good, ...more } } })).toBe(false);
    expect(accepts({ tenants: { A: good } })).toBe(false);
  });
});

describe("the fields' forms", () => {
  const around = (field: string, value: string) => {
    const fields = { displayName: "A", externalId: "org_a", owner: "team", profile: "kg", [field]: value };
    const lines = Object.entries(fields).map(([key, text]) => `    ${key}: ${text}\n`);
    return `${head}tenants:\n  a:\n${lines.join("")}`;
  };
  const long = (length: number) => "a".repeat(length);

  it.each([
    ["externalId", ["org_123", "a", "3f1c2b7e-52a4-4d0e-9b1f-0c6a1d5e7f42", "A.b-C_9", long(63)]],
    ["owner", ["platform-team", "a@example.com", "Team A (Berlin)"]],
    ["displayName", ["Äcme & Söhne", "株式会社", long(100)]],
    ["region", ["local", "eu-central-1", long(63)]],
    ["state", ["active", "suspended", "offboarding"]],
    ["labels", ["{}", "{ a: '' }", "{ example.com/Team_a: Gold.1 }"]],
    ["storage", ["{ folders: [a, 0-b] }", "{ rotation: 3 }", "{}"]],
    ["redis", ["{ defaultTtlSeconds: 1 }"]],
    ["postgres", ["{ connectionLimit: 1000, readOnlyConnectionLimit: 1, rotation: 0 }"]],
    ["tier", ["bridge", "silo"]],
  ] as const)("takes every form of %s that is allowed", (field, values) => {
    for (const value of values)
      expect([value, folder.write({ "registry.yaml": around(field, value) }).told()]).toEqual([value, []]);
  });

  it.each([
    ["externalId", ["5", "-a", "a-", "a b", "a/b", long(64), "'a\\nb'", "''", "ä"]],
    ["owner", ["5", "''", "' a'", '"a\\u001bb"', '"a\\u202eb"', "a@b", "a b@example.com", long(101)]],
    ["displayName", ["5", "''", "'a '", '"a\\nb"', '"\\u200b"', long(101), "[a]"]],
    ["region", ["5", "EU", "a_b", "-a", "a.b", long(64), "''"]],
    ["state", ["Active", "gone", "5", "''"]],
    ["labels", ["[]", "{ -a: b }", "{ a: 'b c' }", "{ a: -b }", "{ a/b/c: d }", "{ a: 5 }", `{ a: ${long(64)} }`]],
    [
      "storage",
      ["{ folders: [] }", "{ folders: [a, a] }", "{ folders: [A] }", "{ folders: [a/b] }", "{ folders: ['..'] }"],
    ],
    ["storage", ["[]", "{ rotation: -1 }", "{ rotation: 1.5 }", `{ folders: [${long(64)}] }`]],
    ["redis", ["{ defaultTtlSeconds: 0 }", "{ defaultTtlSeconds: 1.5 }", "{ defaultTtlSeconds: '5' }", "{ ttl: 5 }"]],
    [
      "postgres",
      [
        "{ connectionLimit: 0 }",
        "{ connectionLimit: 1001 }",
        "{ readOnlyConnectionLimit: -1 }",
        "{ connectionLimit: .inf }",
      ],
    ],
    ["stores", ["[]", "[postgres, postgres]", "postgres", "[Postgres]", "[5]", "[~]", "{}"]],
    ["tier", ["shard", "Silo", "Bridge", "''"]],
    ["backupWaiver", ["{}", "{ reason: a }", "yes"]],
  ] as const)("refuses every other form of %s", (field, values) => {
    for (const value of values) {
      const told = folder.write({ "registry.yaml": around(field, value) }).told();
      expect([value, told.length]).not.toEqual([value, 0]);
      expect(told.every((fault) => fault.includes(`tenants.a.${field}`))).toBe(true);
    }
  });

  it("refuses reserved, long and ill-formed prefixes, and takes the others", () => {
    const told = (prefix: string) =>
      folder.write({ "registry.yaml": `profiles: { p: { prefix: ${prefix} } }\ntenants: {}\n` }).told().length;
    for (const prefix of ["tenant", "ekn", "a_b", "x1", long(16)]) expect([prefix, told(prefix)]).toEqual([prefix, 0]);
    for (const prefix of [
      "pg",
      "pg_a",
      "tenancy",
      "tenancy_a",
      "platform",
      "extensions",
      "information",
      "a__b",
      "_a",
      "a-b",
      "A",
      "1a",
      long(17),
    ]) {
      expect([prefix, told(prefix)]).toEqual([prefix, 1]);
    }
  });
});

describe("one schema", () => {
  const scalar = fc.oneof(
    fc.constantFrom("a", "bridge", "silo", "active", "postgres", "redis", "org_1", "", "A b", "x.sql", "kg"),
    fc.integer({ min: -2, max: 1001 }),
    fc.boolean(),
    fc.constant(null),
  );
  const value = fc.oneof(
    scalar,
    fc.array(scalar, { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom("a", "A", "rotation", "folders", "postgres", "template"),
      fc.oneof(scalar, fc.array(scalar, { maxLength: 2 })),
      { maxKeys: 3 },
    ),
  );
  const keys = [
    "displayName",
    "externalId",
    "owner",
    "profile",
    "state",
    "region",
    "tier",
    "placement",
    "stores",
    "postgres",
    "redis",
    "storage",
    "labels",
    "backupWaiver",
    "x",
  ];
  const good = { displayName: "A", externalId: "org_1", owner: "team", profile: "kg" };
  const tenant = fc
    .tuple(fc.constantFrom(good, {}), fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 2 }))
    .map(([base, more]) => ({ ...base, ...more }));
  const registry = fc.record(
    {
      tenants: fc.oneof(
        { weight: 9, arbitrary: fc.dictionary(fc.constantFrom("a", "b-c", "A", "42"), tenant, { maxKeys: 2 }) },
        value,
      ),
      maxDeletes: fc.oneof(fc.constant(1), scalar),
    },
    { requiredKeys: [] },
  );

  it("finds a fault with a place exactly where zod refuses the whole", () => {
    let refused = 0;
    fc.assert(
      fc.property(registry, (data) => {
        const accepted = registrySchema.safeParse(data).success;
        if (!accepted) refused += 1;
        expect(formFaults(stringify(data)) === 0).toBe(accepted);
      }),
      { numRuns: 1500, seed: 7 },
    );
    expect(refused).toBeGreaterThan(300);
    expect(refused).toBeLessThan(1450);
  });
});
