import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { rules } from "../../policies/catalogue.ts";
import { checkConfiguration, configuredFor, merge } from "../../policies/configuration.ts";
import { evaluate } from "../../policies/evaluate.ts";
import { policyOf } from "../../policies/pack.ts";
import { postureConfiguration, postures } from "../../policies/postures.ts";
import type { Resource } from "../../policies/rule.ts";
import { canary, type Given } from "./cases/case.ts";
import { cases, resourceOf } from "./cases/index.ts";
import { now, ruleNamed, verdictsOf } from "./support.ts";

const folder = resolve(import.meta.dirname, "..", "..", "policies");

describe("the pack", () => {
  it("has a rule for each file of policies/rules, under the file's name, and cases for each", () => {
    const files = readdirSync(join(folder, "rules")).map((name) => name.replace(/\.ts$/, ""));
    const names = rules.map(({ name }) => name);
    expect([...names].sort()).toEqual(files.sort());
    expect(Object.keys(cases).sort()).toEqual(files);
    expect(names.filter((name) => !/^tenancy-[a-z0-9]+(-[a-z0-9]+)+$/.test(name))).toEqual([]);
  });

  it("gives each rule a source with an address, and sentences that end where a message goes on", () => {
    const wrong = rules.filter(
      ({ source, description, reason, remediation }) =>
        !source.url.startsWith("https://") ||
        !description.endsWith(".") ||
        !reason.endsWith(".") ||
        remediation.endsWith("."),
    );
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  it("tells the CLI each rule's level, severity and settings", () => {
    const policy = policyOf(ruleNamed("tenancy-cnpg-backup-retention"));
    expect(policy).toMatchObject({
      name: "tenancy-cnpg-backup-retention",
      enforcementLevel: "mandatory",
      severity: "high",
      configSchema: { properties: { minimumDays: { type: "integer", minimum: 0 } } },
    });
  });

  it("imports no handler, no component and no SDK into its rules", async () => {
    const { readFile } = await import("node:fs/promises");
    const sources = await Promise.all(
      readdirSync(join(folder, "rules")).map((name) => readFile(join(folder, "rules", name), "utf8")),
    );
    const imported = new Set(
      sources.flatMap((text) => [...text.matchAll(/from "([^"]+)"/g)].map(([, path = ""]) => path)),
    );
    const foreign = [...imported].filter((path) => !/^\.\.\/(rule|values|support\/[a-z0-9-]+)\.ts$/.test(path));
    expect(foreign).toEqual(["../../components/naming.ts"]);
  });
});

describe("configuration", () => {
  it("tells every fault of a file at once, with what is allowed", () => {
    const wrong = {
      "tenancy-nothing": "mandatory",
      "tenancy-cnpg-backup-retention": { minimumDays: "30", enforcementLevel: "maybe", most: 1 },
      "tenancy-redis-memory-capacity": { limitMegabytes: { main: "1G" }, warnAt: 2 },
    };
    expect(() => checkConfiguration(wrong, rules, "site.json")).toThrow(
      [
        "site.json:",
        "  tenancy-nothing: there is no such rule; docs/policy-rules.md has all of them",
        '  tenancy-cnpg-backup-retention: enforcementLevel is "maybe"; allowed are mandatory, advisory, disabled',
        '  tenancy-cnpg-backup-retention: minimumDays is "30"; allowed is a whole number of at least 0',
        "  tenancy-cnpg-backup-retention: there is no setting most; it has minimumDays",
        '  tenancy-redis-memory-capacity: limitMegabytes is {"main":"1G"}; allowed is a map from names to whole numbers',
        "  tenancy-redis-memory-capacity: warnAt is 2; allowed is a number from 0 to 1",
      ].join("\n"),
    );
  });

  it("lets a rule's own entry win over `all`, and a later file over an earlier one, setting by setting", () => {
    const rule = ruleNamed("tenancy-rds-backup-retention");
    const configuration = merge(
      { all: "advisory", [rule.name]: { enforcementLevel: "mandatory", silo: 20 } },
      { [rule.name]: { shared: 30 } },
    );
    expect(configuredFor(rule, configuration)).toEqual({
      enforcement: "mandatory",
      settings: { silo: 20, shared: 30 },
    });
    expect(configuredFor(ruleNamed("tenancy-rds-multi-az"), configuration).enforcement).toBe("advisory");
    expect(configuredFor(rule, {})).toEqual({ enforcement: "mandatory", settings: { silo: 7, shared: 7 } });
  });

  it("has two postures, of which `regulated` is nowhere weaker", () => {
    const order = ["disabled", "advisory", "mandatory"];
    for (const posture of ["baseline", "regulated"] as const) {
      expect(checkConfiguration(postureConfiguration(posture), rules, posture)).toBeDefined();
      expect(Object.keys(postureConfiguration(posture)).sort()).toEqual(rules.map(({ name }) => name).sort());
    }
    const weaker = rules.filter((rule) => {
      const [baseline, regulated] = [configuredFor(rule, postures.baseline), configuredFor(rule, postures.regulated)];
      return order.indexOf(regulated.enforcement) < order.indexOf(baseline.enforcement);
    });
    expect(weaker).toEqual([]);
    const retention = ruleNamed("tenancy-rds-backup-retention");
    expect(configuredFor(retention, postureConfiguration("regulated"))).toEqual({
      enforcement: "mandatory",
      settings: { silo: 35, shared: 35 },
    });
  });

  it("does not run a rule that is off", () => {
    const rule = ruleNamed("tenancy-rds-multi-az");
    const resources = (cases[rule.name]?.fail.resources ?? []).map(resourceOf);
    expect(evaluate([rule], resources, { [rule.name]: "disabled" }, { stack: "prod", now })).toEqual([]);
  });
});

describe("secrets", () => {
  it("are in no message of any rule, although every rule sees them in plain text", () => {
    const planted = rules.flatMap((rule) => {
      const own = cases[rule.name];
      return own === undefined ? [] : [own.pass, own.fail, own.unknown].map((one) => ({ rule, one }));
    });
    const messages = planted.flatMap(({ rule, one }) =>
      verdictsOf(rule, { ...one, resources: one.resources.map(withSecrets) }).map(({ message }) => message),
    );
    expect(messages.length).toBeGreaterThan(200);
    expect(messages.filter((message) => message.includes(canary))).toEqual([]);
  });
});

/** Plants the canary in every property that may hold a secret, whatever the type. */
function withSecrets(given: Given): Given {
  const names = [
    "password",
    "readOnlyPassword",
    "masterPassword",
    "authToken",
    "secretString",
    "secretAccessKey",
    "secret",
  ];
  const planted = Object.fromEntries(
    [...names, "result", "token", "provisionerPassword"].map((name) => [name, canary]),
  );
  const data = { data: { password: canary }, stringData: { password: canary }, passwords: [canary] };
  return { ...given, props: { ...planted, ...data, ...given.props } };
}

describe("10,000 tenants", () => {
  it("cost every rule ten times what 1,000 cost: no rule compares tenants with each other", () => {
    const small = readsOf(1_000);
    const large = readsOf(10_000);
    for (const { name } of rules) {
      const [before, after] = [small.get(name) ?? 0, large.get(name) ?? 0];
      if (before < 1_000) expect({ name, after: after < 20_000 }).toEqual({ name, after: true });
      else expect({ name, linear: after / before < 10.5 }).toEqual({ name, linear: true });
    }
    expect(large.get("tenancy-stack-tenants-share-nothing")).toBeGreaterThan(100_000);
  });

  it("have one pair that shares a key prefix found among them", () => {
    const resources = platformOfTenants(10_000);
    const twin = resources.findIndex(({ name }) => name === "t9999-acl-user");
    const victim = resources[twin];
    if (victim === undefined) throw new Error("the fixture has no such user");
    resources[twin] = { ...victim, props: { ...victim.props, keyPrefix: "ten:t17:" } };
    const rule = ruleNamed("tenancy-stack-tenants-share-nothing");
    const found = evaluate([rule], resources, {}, { stack: "prod", now }).map(({ message }) => message);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`tenant t9999: keyPrefix "ten:t17:" is tenant t17's, too`);
  });
});

/** Three native resources a tenant, a namespace with its objects for every tenth, and the Roster. */
function platformOfTenants(count: number): Resource[] {
  const resource = (type: string, name: string, props: Resource["props"], parent?: string): Resource => ({
    ...{ type, name, urn: `urn:pulumi:prod::tenancy::${type}::${name}`, props, protect: true, references: {} },
    ...(parent === undefined ? {} : { parent: `urn:pulumi:prod::tenancy::tenancy:index:TenantThing::${parent}` }),
  });
  const ids = Array.from({ length: count }, (_, index) => `t${index}`);
  const entry = {
    prefix: "ten",
    tier: "bridge",
    state: "active",
    region: "eu-central-1",
    placement: { postgres: "main", redis: "main" },
  };
  return [
    resource("pulumi:providers:tenancy", "platform", {
      config: JSON.stringify({ platform: { postgres: { main: {} } } }),
    }),
    resource("tenancy:index:Roster", "tenants", {
      maxDeletes: 1,
      tenants: Object.fromEntries(ids.map((id) => [id, entry])),
    }),
    ...ids.flatMap((tenant, index) => {
      const base = `ten_${tenant}`;
      const shared = { tenant, server: "main", state: "active" };
      const own = [
        resource("tenancy:postgres:Schema", `${tenant}-schema`, {
          ...shared,
          ...{ schema: base, ownerRole: `${base}_owner`, appRole: `${base}_app`, readOnlyRole: `${base}_ro` },
          ...{ connectionLimit: 1, readOnlyConnectionLimit: 1, template: "ekn" },
        }),
        resource("tenancy:redis:AclUser", `${tenant}-acl-user`, {
          ...shared,
          username: `ten:${tenant}`,
          keyPrefix: `ten:${tenant}:`,
        }),
        resource("tenancy:storage:Prefix", `${tenant}-prefix`, {
          ...shared,
          prefix: `tens/${tenant}/`,
          username: `ten.${tenant}`,
          rotation: 1,
        }),
      ];
      if (index % 10 !== 0) return own;
      const name = `ten-${tenant}`;
      return [
        ...own,
        resource("kubernetes:core/v1:Namespace", `${tenant}-namespace`, { metadata: { name } }, tenant),
        resource(
          "kubernetes:networking.k8s.io/v1:NetworkPolicy",
          `${tenant}-deny`,
          { metadata: { namespace: name }, spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] } },
          tenant,
        ),
        resource("aws:rds/instance:Instance", `${tenant}-db`, { encryptionKey: "own", kmsKeyId: name }, tenant),
      ];
    }),
  ];
}

/** How often each rule reads a property of a resource, at any depth. */
function readsOf(count: number): Map<string, number> {
  const resources = platformOfTenants(count);
  let reads = 0;
  const counting = <T extends object>(value: T): T =>
    new Proxy(value, {
      get(target, key, receiver) {
        reads += 1;
        const inner: unknown = Reflect.get(target, key, receiver);
        return typeof inner === "object" && inner !== null ? counting(inner) : inner;
      },
    });
  const parentOf = (): undefined => undefined;
  return new Map(
    rules.map((rule) => {
      reads = 0;
      const own = resources.filter(({ type }) => rule.types.includes(type)).map(counting);
      const { settings } = configuredFor(rule, {});
      const context = { stack: "prod", now, settings, parentOf };
      const findings =
        rule.scope === "stack"
          ? [...rule.check(own, context)]
          : own.flatMap((resource) => [...rule.check(resource, context)]);
      expect(findings.length).toBeLessThanOrEqual(3 * count);
      return [rule.name, reads] as const;
    }),
  );
}
