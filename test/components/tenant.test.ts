import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import type { PlatformConfig } from "../../components/platform.ts";
import { Tenant } from "../../components/tenant.ts";
import { Roster, TenancyProvider } from "../../provider/resources.ts";
import type { TenantRecord } from "../../tenants/load.ts";
import { type Registered, registrations, secret, valueOf } from "../support/mocks.ts";

const platform: PlatformConfig = {
  servers: {
    postgres: {
      main: { host: "db", port: 5432, database: "tenants", provisioner: { user: "p", password: "planted" } },
    },
    redis: { main: { nodes: [{ host: "cache", port: 6379 }], username: "admin", password: "planted" } },
    storage: {
      main: {
        kind: "s3",
        endpoint: "https://s3.example",
        region: "eu-central-1",
        bucket: "tenants",
        accessKeyId: "AK",
        secretAccessKey: "planted",
      },
      files: { kind: "filesystem", root: "/srv/files" },
    },
    neo4j: {},
  },
  infos: { postgres: [], redis: [], storage: [], neo4j: [] },
  clouds: { postgres: {}, redis: {}, storage: {}, neo4j: {} },
  kubernetes: {},
  caFiles: { "postgres/main": "/ca.pem" },
  unavailable: {},
};

const record: TenantRecord = {
  id: "42",
  displayName: "Network 42",
  externalId: "org_42",
  owner: "team@example.com",
  profile: "ekn",
  prefix: "ekn",
  tier: "bridge",
  ring: "all",
  state: "active",
  region: "eu-central-1",
  placement: { postgres: "main", redis: "main", storage: "main" },
  stores: ["postgres", "redis", "storage"],
  postgres: {
    template: "knowledge-graph",
    variables: {},
    connectionLimit: 10,
    readOnlyConnectionLimit: 5,
    additionalSql: [],
    rotation: 0,
  },
  redis: { defaultTtlSeconds: 3600, rotation: 0 },
  storage: { folders: ["uploads"], encryptionKey: "platform", rotation: 0 },
  labels: {},
};

const files = {
  templateFiles: [],
  additionalFiles: [],
  additionalRoot: "tenants",
  extensions: [],
  migrationFiles: [],
  catalogue: "main",
  clouds: {},
};

async function build(tenant: TenantRecord): Promise<{ registered: Registered[]; result: Tenant }> {
  return registrations(() => {
    const provider = new TenancyProvider("platform", { config: "{}" });
    const roster = new Roster("tenants", { catalogue: "main", maxDeletes: 1, tenants: {} }, { provider });
    return new Tenant(
      tenant,
      { platform, secret: pulumi.secret("s".repeat(64)), ...files },
      { provider, dependsOn: [roster] },
    );
  });
}

describe("Tenant", () => {
  it("is six resources with three stores: component and resource of each", async () => {
    const { registered } = await build(record);
    const own = registered.filter(({ name }) => name.startsWith("42"));
    expect(own.map(({ type, name }) => `${type} ${name}`).sort()).toEqual([
      "tenancy:index:TenantBucketPrefix 42",
      "tenancy:index:TenantRedisAcl 42",
      "tenancy:index:TenantSchema 42",
      "tenancy:postgres:Schema 42-schema",
      "tenancy:redis:AclUser 42-acl-user",
      "tenancy:storage:Prefix 42-prefix",
    ]);
  });

  it("registers nothing of a store that the tenant does not have", async () => {
    const { registered, result } = await build({
      ...record,
      stores: ["redis"],
      postgres: undefined,
      storage: undefined,
    });
    expect(registered.map(({ type }) => type)).not.toContain("tenancy:postgres:Schema");
    expect(registered.map(({ type }) => type)).not.toContain("tenancy:storage:Prefix");
    expect(Object.keys(result.connections).sort()).toEqual(["redis", "state", "tier"]);
  });

  it("tells an application all that it needs to connect", async () => {
    const { result } = await build(record);
    const { postgres, redis, storage } = result.connections;
    expect(postgres).toMatchObject({
      host: "db",
      port: 5432,
      database: "tenants",
      user: "ekn_42_app",
      readOnlyUser: "ekn_42_ro",
      schema: "ekn_42",
      caFile: "/ca.pem",
    });
    expect(redis).toMatchObject({
      host: "cache",
      port: 6379,
      username: "ekn:42",
      keyPrefix: "ekn:42:",
      defaultTtlSeconds: 3600,
    });
    expect(storage).toMatchObject({
      endpoint: "https://s3.example",
      bucket: "tenants",
      prefix: "ekns/42/",
      region: "eu-central-1",
    });
    expect(storage !== undefined && "secretAccessKey" in storage && (await valueOf(storage.secretAccessKey))).toBe(
      "planted-secret-key",
    );
  });

  it("puts a tenant's files under the root of a file system", async () => {
    const { result } = await build({ ...record, placement: { ...record.placement, storage: "files" } });
    expect(result.connections.storage).toEqual({ root: "/srv/files", prefix: "ekns/42/" });
  });

  it("names tenant, store and what the platform has when a server is not there", async () => {
    await expect(build({ ...record, placement: { ...record.placement, redis: "cache-7" } })).rejects.toThrow(
      'tenant 42: redis shall lie on the server "cache-7", but the platform has main',
    );
  });

  it("hands the administrators' logins to the provider as a secret only", async () => {
    const { registered } = await registrations(
      () => new TenancyProvider("platform", { config: JSON.stringify({ platform: platform.servers }) }),
    );
    const [provider] = registered;
    expect(provider?.inputs).toEqual({ config: secret(JSON.stringify({ platform: platform.servers })) });
  });
});
