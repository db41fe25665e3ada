import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { faultsOf, type VerifyFlags } from "../../cli/commands/verify.ts";
import type { Connections } from "../../cli/connections.ts";
import { emptyClouds } from "../../components/platform-forms.ts";
import type { Platform } from "../../provider/config.ts";
import type { TenantRecord } from "../../tenants/load.ts";
import { partiesOf, platformOf } from "../../verify/parties.ts";
import { addressOf, isEmbedded } from "../../verify/servers.ts";

const record = (id: string, over: Pick<Partial<TenantRecord>, "placement"> = {}): TenantRecord => ({
  id,
  displayName: id,
  externalId: `org_${id}`,
  owner: "team@example.com",
  profile: "graph",
  prefix: "tenant",
  tier: "bridge",
  ring: "all",
  state: "active",
  region: "eu",
  placement: { redis: "main" },
  stores: ["redis"],
  labels: {},
  ...over,
});

const flags = (over: Partial<VerifyFlags> = {}): VerifyFlags => ({
  stack: "dev",
  format: "text",
  concurrency: "4",
  minutes: "15",
  ...over,
});

const records = [record("acme"), record("beta")];

describe("the flags of verify", () => {
  it("have no fault as they are by default", () => {
    expect(faultsOf(flags(), records)).toEqual([]);
    expect(faultsOf(flags({ tenant: ["acme"], against: "beta", store: ["redis"], format: "html" }), records)).toEqual(
      [],
    );
    expect(faultsOf(flags({ output: join(tmpdir(), "x.html"), metrics: "x.prom", canary: true }), records)).toEqual([]);
  });

  it("tell all their faults at once", () => {
    const wrong = flags({
      format: "pdf",
      store: ["mongo", "redis"],
      tenant: ["gamma"],
      against: "delta",
      canary: true,
      concurrency: "0",
      minutes: "1.5",
      output: "/nonexistent/report",
      metrics: "/nonexistent/x.prom",
    });
    expect(faultsOf(wrong, records)).toEqual([
      '--format "pdf" is not known; allowed are text, json, junit, html.',
      '--store "mongo" is not known; allowed are postgres, redis, storage, neo4j.',
      '--tenant "gamma" is not in the registry; it has acme, beta.',
      '--against "delta" is not in the registry; it has acme, beta.',
      "--against and --canary exclude each other: leave one out.",
      '--concurrency "0" is no number from 1 to 64.',
      '--minutes "1.5" is no number from 1 to 1440.',
      '--output "/nonexistent/report": the folder /nonexistent does not exist.',
      '--metrics "/nonexistent/x.prom": the folder /nonexistent does not exist.',
    ]);
  });

  it("refuse a tenant that shall attack itself alone", () => {
    expect(faultsOf(flags({ tenant: ["acme"], against: "acme" }), records)).toEqual([
      '--against "acme" is the only attacker, too: name another --tenant.',
    ]);
    expect(faultsOf(flags({ tenant: ["acme", "beta"], against: "acme" }), records)).toEqual([]);
  });
});

const platform: Platform = {
  postgres: {},
  redis: { main: { nodes: [{ host: "127.0.0.1", port: 6379 }], username: "admin", password: "admin-secret" } },
  storage: {},
  neo4j: {},
};

function live(state = "active"): Connections {
  const redis = {
    host: "127.0.0.1",
    port: 6379,
    username: "tenant:acme",
    password: "acme-secret",
    keyPrefix: "tenant:acme:",
    defaultTtlSeconds: 60,
  };
  return { tier: "bridge", state, redis };
}

const clouds = emptyClouds();

describe("the parties of a stack", () => {
  it("have names of the registry, logins of the stack and servers of the platform", () => {
    const { parties, left } = partiesOf(
      records,
      new Map([["acme", live()]]),
      { servers: platform, clouds },
      new Set(["redis:6379"]),
    );
    expect(parties).toEqual([
      {
        id: "acme",
        canary: false,
        redis: {
          name: "main",
          server: platform.redis.main,
          embedded: true,
          names: { username: "tenant:acme", keyPrefix: "tenant:acme:" },
          password: "acme-secret",
        },
      },
    ]);
    expect(left).toEqual([{ id: "beta", reason: "is new in the registry and not in the stack yet", isFault: false }]);
  });

  it("leave out tenants whose logins are closed, and make it a fault when one cannot be looked at", () => {
    const all = new Map([
      ["acme", live("suspended")],
      ["gone", live()],
      ["beta", live()],
    ]);
    const { parties, left } = partiesOf(
      [record("acme"), record("beta", { placement: { redis: "second" } })],
      all,
      { servers: platform, clouds },
      new Set(),
    );
    expect(parties.map(({ id, redis }) => [id, redis])).toEqual([["beta", undefined]]);
    expect(left).toEqual([
      { id: "acme", reason: "is suspended: its logins are closed", isFault: false },
      {
        id: "beta",
        reason: 'lies on the redis server "second", which the platform does not have',
        isFault: true,
      },
      { id: "gone", reason: "is active in the stack and not in the registry: run `npm run up` first", isFault: true },
    ]);
  });
});

describe("the platform", () => {
  const project = { dir: "/nonexistent", name: "tenancy", stack: "prod", devDir: "/nonexistent/.dev" };

  it("is read from the stack's decrypted configuration", () => {
    expect(platformOf({ "tenancy:platform": JSON.stringify(platform) }, project).servers).toEqual(platform);
  });

  it.each([
    ["neither place", {}, "it has none"],
    ["both places", { "tenancy:platform": "{}", "tenancy:platformFile": "x" }, "it has both"],
    ["a file that is not there", { "tenancy:platformFile": "x.json" }, "/nonexistent/x.json cannot be read (ENOENT)"],
    ["no JSON", { "tenancy:platform": "hunter2" }, "tenancy:platform is not JSON."],
  ])("is refused with %s, without a value", (_name, config, message) => {
    expect(() => platformOf(config, project)).toThrow(message);
    expect(() => platformOf(config, project)).not.toThrow("hunter2");
  });
});

describe("a server", () => {
  it("is embedded where every address of it is one of this machine's services", () => {
    const embedded = new Set(["postgres:5432", "redis:1", "redis:2", "storage:8333", "storage:/srv/files"]);
    const login = { user: "u", password: "p" };
    const postgres = { host: "127.0.0.1", port: 5432, database: "d", provisioner: login };
    expect(isEmbedded(embedded, "postgres", postgres)).toBe(true);
    expect(isEmbedded(embedded, "postgres", { ...postgres, host: "db.example.com" })).toBe(false);
    expect(isEmbedded(embedded, "postgres", { ...postgres, port: 5433 })).toBe(false);
    const node = (port: number) => ({ host: "127.0.0.1", port });
    const redis = { nodes: [node(1), node(2)], username: "u", password: "p" };
    expect(isEmbedded(embedded, "redis", redis)).toBe(true);
    expect(isEmbedded(embedded, "redis", { ...redis, nodes: [node(1), node(3)] })).toBe(false);
    expect(isEmbedded(embedded, "storage", { kind: "filesystem", root: "/srv/files" })).toBe(true);
    expect(isEmbedded(embedded, "storage", { kind: "filesystem", root: "/srv/other" })).toBe(false);
    const s3 = {
      kind: "s3",
      endpoint: "https://127.0.0.1:8333",
      region: "r",
      bucket: "b",
      accessKeyId: "a",
      secretAccessKey: "s",
    } as const;
    expect(isEmbedded(embedded, "storage", s3)).toBe(true);
    expect(isEmbedded(embedded, "storage", { ...s3, endpoint: "https://s3.example.com" })).toBe(false);
    expect(addressOf({ ...s3, endpoint: "https://user:pass@s3.example.com" })).toBe("s3.example.com/b");
  });
});
