import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { describe, expect, it } from "vitest";
import { TenantBucketPrefix } from "../../components/tenant-bucket-prefix.ts";
import { TenantRedisAcl } from "../../components/tenant-redis-acl.ts";
import { TenantSchema, type TenantSchemaArgs } from "../../components/tenant-schema.ts";
import { derivePassword } from "../../components/secrets.ts";
import { registrations, secret, valueOf } from "../support/mocks.ts";

const secretText = "s".repeat(64);
const derived = (purpose: string, rotation: number): string =>
  derivePassword(secretText, "acme-corp", purpose, rotation);
const shared = { tenant: "acme-corp", prefix: "tenant", server: "main", state: "active" } as const;

function schemaArgs(): TenantSchemaArgs {
  return {
    ...shared,
    host: "db.example",
    port: 5432,
    database: "tenants",
    externalId: "org_1",
    secret: pulumi.secret(secretText),
    template: "knowledge-graph",
    variables: { weight: 1 },
    templateFiles: [{ name: "0001-graph.sql", sha256: "ab" }],
  };
}

describe("TenantSchema", () => {
  it("registers one Schema with exactly these inputs, and its passwords as secrets", async () => {
    const { registered } = await registrations(() => new TenantSchema("acme-corp", schemaArgs()));
    expect(registered.map(({ type, name }) => [type, name])).toEqual([
      ["tenancy:index:TenantSchema", "acme-corp"],
      ["tenancy:postgres:Schema", "acme-corp-schema"],
    ]);
    expect(registered[1]?.inputs).toEqual({
      server: "main",
      tenant: "acme-corp",
      externalId: "org_1",
      state: "active",
      schema: "tenant_acme__corp",
      ownerRole: "tenant_acme__corp_owner",
      appRole: "tenant_acme__corp_app",
      readOnlyRole: "tenant_acme__corp_ro",
      connectionLimit: 10,
      readOnlyConnectionLimit: 5,
      template: "knowledge-graph",
      variables: { weight: 1 },
      templateFiles: [{ name: "0001-graph.sql", sha256: "ab" }],
      additionalFiles: [],
      additionalRoot: "tenants",
      password: secret(derived("postgres/app", 0)),
      readOnlyPassword: secret(derived("postgres/read-only", 0)),
    });
  });

  it("gives a connection URL that is a secret and verifies the server", async () => {
    const { result } = await registrations(() => new TenantSchema("acme-corp", schemaArgs()));
    expect(await valueOf(result.connectionUrl)).toBe(
      `postgresql://tenant_acme__corp_app:${derived("postgres/app", 0)}@db.example:5432/tenants?sslmode=verify-full`,
    );
    expect(await pulumi.isSecret(result.connectionUrl)).toBe(true);
    expect(await pulumi.isSecret(result.password)).toBe(true);
    expect(await pulumi.isSecret(result.readOnlyPassword)).toBe(true);
    expect(await pulumi.isSecret(result.schemaName)).toBe(false);
  });

  it("gives other passwords after a rotation, and another for each login", () => {
    const passwords = [
      derived("postgres/app", 0),
      derived("postgres/app", 1),
      derived("postgres/read-only", 0),
      derived("redis", 0),
    ];
    expect(new Set(passwords).size).toBe(4);
    for (const password of passwords) expect(password).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it("gives another tenant other passwords", () => {
    expect(derivePassword(secretText, "acme", "redis", 0)).not.toBe(derived("redis", 0));
  });

  it("gives the same password for ever: a change of the derivation would lock every tenant out", () => {
    expect(derived("redis", 0)).toBe("lBx6FylkD8kL3jVFtoYcqSu5FmFxtyMEB5ExVX9ZYQI");
  });

  it("refuses a secret that is too short to derive from, and does not show it", () => {
    expect(() => derivePassword("planted", "acme", "redis", 0)).toThrow(
      /^the stack's secret has 7 characters; at least 43/,
    );
  });

  it("registers in a preview although the stack's secret is not known yet", async () => {
    const { registered } = await registrations(
      () => {
        const { result } = new random.RandomPassword("passwords", { length: 64 });
        return new TenantSchema("acme-corp", { ...schemaArgs(), secret: result });
      },
      { preview: true },
    );
    const schema = registered.find(({ type }) => type === "tenancy:postgres:Schema");
    expect(schema?.inputs.schema).toBe("tenant_acme__corp");
    expect(schema?.inputs.password).not.toEqual(expect.objectContaining({ value: expect.any(String) as unknown }));
  });
});

describe("TenantRedisAcl", () => {
  it("registers one AclUser with exactly these inputs", async () => {
    const { registered, result } = await registrations(
      () => new TenantRedisAcl("acme-corp", { ...shared, secret: pulumi.secret(secretText), rotation: 2 }),
    );
    expect(registered.map(({ type, name }) => [type, name])).toEqual([
      ["tenancy:index:TenantRedisAcl", "acme-corp"],
      ["tenancy:redis:AclUser", "acme-corp-acl-user"],
    ]);
    expect(registered[1]?.inputs).toEqual({
      server: "main",
      tenant: "acme-corp",
      state: "active",
      username: "tenant:acme-corp",
      keyPrefix: "tenant:acme-corp:",
      password: secret(derived("redis", 2)),
    });
    expect(await pulumi.isSecret(result.password)).toBe(true);
  });
});

describe("TenantBucketPrefix", () => {
  it("registers one Prefix with the three usual folders and a secret access key", async () => {
    const { registered, result } = await registrations(() => new TenantBucketPrefix("acme-corp", shared));
    expect(registered.map(({ type, name }) => [type, name])).toEqual([
      ["tenancy:index:TenantBucketPrefix", "acme-corp"],
      ["tenancy:storage:Prefix", "acme-corp-prefix"],
    ]);
    expect(registered[1]?.inputs).toEqual({
      server: "main",
      tenant: "acme-corp",
      state: "active",
      prefix: "tenants/acme-corp/",
      username: "tenant.acme-corp",
      folders: ["uploads", "processed", "exports"],
      rotation: 0,
    });
    expect(await valueOf(result.keyPrefix)).toBe("tenants/acme-corp/");
  });

  it("hands a backup waiver on, so that the data may be deleted", async () => {
    const backupWaiver = { reason: "trial account", name: "Ada" };
    const { registered } = await registrations(
      () => new TenantBucketPrefix("acme-corp", { ...shared, state: "offboarding", backupWaiver }),
    );
    expect(registered[1]?.inputs).toMatchObject({ state: "offboarding", backupWaiver });
  });
});
