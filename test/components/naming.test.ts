import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  awsName,
  isReservedPrefix,
  kubernetesNames,
  neo4jNames,
  postgresNames,
  prefixMaxLength,
  prefixPattern,
  redisNames,
  storageNames,
  tenantIdPattern,
} from "../../components/naming.ts";

type Pair = readonly [prefix: string, id: string];

function isLegalPair([prefix, id]: Pair): boolean {
  return (
    prefixPattern.test(prefix) &&
    prefix.length <= prefixMaxLength &&
    !isReservedPrefix(prefix) &&
    tenantIdPattern.test(id)
  );
}

/** Few different characters, so that generated names come close to each other. */
const tightPrefix = fc.stringMatching(/^[ab]{1,3}(_[ab]{1,3}){0,3}$/);
const tightId = fc.stringMatching(/^[ab0]([ab0-]{0,6}[ab0])?$/);
const longId = fc
  .tuple(fc.stringMatching(/^[ab-]{0,38}$/), fc.stringMatching(/^[0-9a-f]{12}$/))
  .map(([head, tail]) => `a${head}`.slice(0, 27) + tail);
const anyPrefix = fc.stringMatching(/^[a-z][a-z0-9]{0,7}(_[a-z0-9]{1,3}){0,2}$/);
const anyId = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/);
const hyphenId = fc.stringMatching(/^a[a-]{30,38}a$/);
const pair: fc.Arbitrary<Pair> = fc
  .tuple(fc.oneof(tightPrefix, anyPrefix), fc.oneof(tightId, anyId, longId, hyphenId))
  .filter(isLegalPair);

/** The same text divided otherwise: `a_b` + `c` beside `a` + `b-c`, `a--b` beside `a-b`. */
function neighbours([prefix, id]: Pair): Pair[] {
  const cut = prefix.lastIndexOf("_");
  const dash = id.indexOf("-");
  const last = id.lastIndexOf("-");
  const cutName = postgresNames(prefix, id).schema;
  return [
    [prefix.slice(0, Math.max(cut, 0)), `${prefix.slice(cut + 1)}-${id}`] as const,
    [prefix.slice(0, Math.max(cut, 0)), `${prefix.slice(cut + 1)}--${id}`] as const,
    [`${prefix}_${id.slice(0, Math.max(dash, 0))}`, id.slice(dash + 1)] as const,
    [prefix, id.replace("-", "--")] as const,
    [prefix, id.replace("--", "-")] as const,
    [prefix, id.slice(0, Math.max(last, 0))] as const,
    [`${prefix}s`, id] as const,
    [prefix, `${id}-app`] as const,
    [prefix, `${id}0`] as const,
    // What a cut name would be, were it written as an id.
    [prefix, awsName(prefix, id, 40).slice(prefix.length + 1)] as const,
    [prefix, kubernetesNames(prefix, id).cluster.slice(prefix.length + 1)] as const,
    [prefix, cutName.slice(prefix.length + 1).replaceAll("__", "-")] as const,
    [prefix, cutName.slice(prefix.length + 1).replaceAll("_", "-")] as const,
  ].filter(isLegalPair);
}

function allNames([prefix, id]: Pair) {
  return {
    ...postgresNames(prefix, id),
    redis: redisNames(prefix, id),
    storage: storageNames(prefix, id),
    neo4j: neo4jNames(prefix, id),
    kubernetes: kubernetesNames(prefix, id),
    aws: { long: awsName(prefix, id, 63), short: awsName(prefix, id, 40) },
  };
}

function expectApart(one: Pair, other: Pair): void {
  if (one[0] === other[0] && one[1] === other[1]) return;
  const [a, b] = [allNames(one), allNames(other)];
  expect(a.schema).not.toBe(b.schema);
  const roles = new Set([a.ownerRole, a.appRole, a.readOnlyRole, b.ownerRole, b.appRole, b.readOnlyRole]);
  expect(roles.size).toBe(6);
  expect(a.redis.username).not.toBe(b.redis.username);
  expect(a.storage.username).not.toBe(b.storage.username);
  expect(a.neo4j.database).not.toBe(b.neo4j.database);
  expect(a.kubernetes.namespace).not.toBe(b.kubernetes.namespace);
  expect(a.kubernetes.cluster).not.toBe(b.kubernetes.cluster);
  expect(a.aws.long).not.toBe(b.aws.long);
  expect(a.aws.short).not.toBe(b.aws.short);
  for (const [x, y] of [
    [a.redis.keyPrefix, b.redis.keyPrefix],
    [a.storage.prefix, b.storage.prefix],
  ] as const) {
    expect(x.startsWith(y)).toBe(false);
    expect(y.startsWith(x)).toBe(false);
  }
}

describe("exact names", () => {
  it("names tenant/acme-corp in each store", () => {
    expect(postgresNames("tenant", "acme-corp")).toEqual({
      schema: "tenant_acme__corp",
      ownerRole: "tenant_acme__corp_owner",
      appRole: "tenant_acme__corp_app",
      readOnlyRole: "tenant_acme__corp_ro",
    });
    expect(redisNames("tenant", "acme-corp")).toEqual({ username: "tenant:acme-corp", keyPrefix: "tenant:acme-corp:" });
    expect(storageNames("tenant", "acme-corp")).toEqual({
      prefix: "tenants/acme-corp/",
      username: "tenant.acme-corp",
    });
  });

  it("names oikion/org-123 in graph databases, Kubernetes and AWS", () => {
    expect(neo4jNames("oikion", "org-123")).toEqual({
      database: "oikion-org-123",
      role: "oikion_org__123",
      username: "oikion_org__123_app",
    });
    expect(kubernetesNames("oikion", "org-123")).toEqual({ namespace: "oikion-org-123", cluster: "oikion-org-123" });
    expect(awsName("oikion", "org-123", 40)).toBe("oikion-org-123");
    expect(neo4jNames("glyph_foundry", "a").database).toBe("glyph--foundry-a");
    expect(awsName("glyph_foundry", "a", 40)).toBe("glyph-foundry-a-32c9b143ace6");
  });

  it("names ekn/42 as the system's document does", () => {
    expect(postgresNames("ekn", "42").schema).toBe("ekn_42");
    expect(redisNames("ekn", "42").keyPrefix).toBe("ekn:42:");
    expect(redisNames("ekn", "42", { cluster: true })).toEqual({ username: "ekn:42", keyPrefix: "ekn:{42}:" });
    expect(storageNames("ekn", "42").prefix).toBe("ekns/42/");
  });

  it("cuts a base of more than 57 bytes and closes it with a digest of prefix and id", () => {
    const id = `a${"-".repeat(38)}b`;
    expect(postgresNames("tenant", id).schema).toBe("tenant_a___609111542675");
    expect(postgresNames("tenants", id).schema).not.toBe(postgresNames("tenant", id).schema);
    const longest = "a".repeat(40);
    expect(postgresNames("abcdefghijklmnop", longest).schema).toBe(`abcdefghijklmnop_${longest}`);
  });
});

describe("legality", () => {
  it("keeps every name legal in its store and within 63 bytes", () => {
    fc.assert(
      fc.property(pair, ([prefix, id]) => {
        const names = allNames([prefix, id]);
        for (const name of [names.schema, names.ownerRole, names.appRole, names.readOnlyRole]) {
          expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
          expect(name).not.toMatch(/^pg_/);
          expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
        }
        // A pattern of an ACL rule: nothing in it is a wildcard, a space or an escape.
        expect(names.redis.keyPrefix).toMatch(/^[a-z0-9_]+:[a-z0-9-]+:$/);
        expect(names.redis.keyPrefix).toBe(`${names.redis.username}:`);
        expect(Buffer.byteLength(names.redis.keyPrefix)).toBeLessThanOrEqual(63);
        expect(names.storage.prefix).toMatch(/^[a-z0-9_]+\/[a-z0-9-]+\/$/);
        expect(Buffer.byteLength(names.storage.prefix)).toBeLessThanOrEqual(63);
        // Neo4j and Kubernetes: a DNS label of at least three characters.
        for (const name of [names.neo4j.database, names.kubernetes.namespace]) {
          expect(name).toMatch(/^[a-z][a-z0-9-]{1,61}[a-z0-9]$/);
          expect(name).not.toMatch(/^(system|kube-)/);
        }
        expect(names.kubernetes.cluster.length).toBeLessThanOrEqual(50);
        // Amazon RDS: letters, digits and single hyphens, none at the end.
        expect(names.aws.long).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)+$/);
        expect(names.aws.long.length).toBeLessThanOrEqual(63);
        expect(names.aws.short.length).toBeLessThanOrEqual(40);
        // IAM: letters, digits and _+=,.@- and at most 64 characters.
        expect(names.storage.username).toMatch(/^[\w+=,.@-]{1,63}$/);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    "pg",
    "pg_x",
    "tenancy",
    "tenancy_x",
    "platform",
    "extensions",
    "information",
    "canary",
    "canary_x",
    "kube",
    "kube_x",
    "system",
    "systems",
  ])("reserves the prefix %s", (prefix) => {
    expect(isReservedPrefix(prefix)).toBe(true);
    expect(() => postgresNames(prefix, "schema")).toThrow(`"${prefix}" is no legal naming prefix`);
  });

  it.each(["pgx", "tenant", "ekn", "platform_a", "tenancyx", "canarys"])("leaves the prefix %s free", (prefix) => {
    expect(isReservedPrefix(prefix)).toBe(false);
  });

  it.each(["", "-a", "a-", "A", "a_b", "a.b", "a*", "a b", "a\n", "ä", "a".repeat(41), "a:b", "a/b"])(
    "refuses the id %j",
    (id) => {
      for (const names of [postgresNames, redisNames, storageNames]) {
        expect(() => names("tenant", id)).toThrow("no legal id");
      }
    },
  );

  it.each(["", "1a", "a__b", "_a", "a_", "A", "a-b", "a".repeat(17), "a\n"])("refuses the prefix %j", (prefix) => {
    expect(() => redisNames(prefix, "a")).toThrow("no legal naming prefix");
  });
});

describe("canaries", () => {
  it("have names of their own in each store", () => {
    expect(postgresNames("canary", "hsx12-0a1b2c3d").schema).toBe("canary_hsx12__0a1b2c3d");
    expect(redisNames("canary", "hsx12-0a1b2c3d").keyPrefix).toBe("canary:hsx12-0a1b2c3d:");
    expect(storageNames("canary", "hsx12-0a1b2c3d")).toEqual({
      prefix: "canarys/hsx12-0a1b2c3d/",
      username: "canary.hsx12-0a1b2c3d",
    });
  });

  it.each(["acme", "hsx12-0a1b2c3", "hsx12-0a1b2c3d-1", "hsx12--a1b2c3d"])("have no id like %s", (id) => {
    for (const names of [postgresNames, redisNames, storageNames]) {
      expect(() => names("canary", id)).toThrow('"canary" is no legal naming prefix');
    }
  });
});

describe("injectivity", () => {
  it("gives no two pairs of prefix and id the same name, and no prefix that begins with another's", () => {
    fc.assert(fc.property(pair, pair, expectApart), { numRuns: 5000 });
  });

  it("keeps near collisions apart: hyphens, doubled hyphens, underscores of the prefix, cut names", () => {
    fc.assert(
      fc.property(pair, (one) => {
        for (const other of neighbours(one)) expectApart(one, other);
      }),
      { numRuns: 5000 },
    );
  });

  it("gives every pair over a small alphabet a schema of its own", () => {
    const prefixes = ["a", "b", "ab", "a_b", "b_a", "a_b_a", "a_bs", "as"];
    const ids = ["a", "b", "ab", "a-b", "a--b", "a---b", "b-a", "a-b-a", "a-b--a", "a--b-a", "owner", "app", "a-ro"];
    const pairs = prefixes.flatMap((prefix) => ids.map((id) => [prefix, id] as const));
    expect(new Set(pairs.map(([prefix, id]) => postgresNames(prefix, id).schema)).size).toBe(pairs.length);
    expect(new Set(pairs.map(([prefix, id]) => storageNames(prefix, id).prefix)).size).toBe(pairs.length);
  });

  it("keeps a cut name apart from the id that spells it, also where the cut goes through a hyphen", () => {
    for (let length = 20; length <= 38; length += 1) {
      for (let lead = 0; lead < length - 1; lead += 1) {
        const id = `a${"x".repeat(lead)}${"-".repeat(length - lead)}b`;
        const pairOne: Pair = ["abcdefgh", id];
        for (const other of neighbours(pairOne)) expectApart(pairOne, other);
      }
    }
  });
});
