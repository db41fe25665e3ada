import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { derivePassword } from "../../components/secrets.ts";
import { TenantPool, type TenantPoolArgs } from "../../components/tenant-pool.ts";
import { registrations, secret, valueOf } from "../support/mocks.ts";

const secretText = "s".repeat(64);
const derived = (purpose: string): string => derivePassword(secretText, "acme-corp", purpose, 3);

function poolArgs(): TenantPoolArgs {
  return {
    ...({ tenant: "acme-corp", prefix: "glyph", server: "main", state: "active", rotation: 3 } as const),
    ...{ host: "db.example", port: 5432, database: "tenants", pool: "glyphs" },
    ...{ externalId: "ORG_1", displayName: "Acme", template: "glyph-foundry", variables: { dimensions: 384 } },
    secret: pulumi.secret(secretText),
  };
}

describe("TenantPool", () => {
  it("registers one PoolTenant with exactly these inputs, and its passwords as secrets", async () => {
    const { registered } = await registrations(() => new TenantPool("acme-corp", poolArgs()));
    expect(registered.map(({ type, name }) => [type, name])).toEqual([
      ["tenancy:index:TenantPool", "acme-corp"],
      ["tenancy:postgres:PoolTenant", "acme-corp-pool-tenant"],
    ]);
    expect(registered[1]?.inputs).toEqual({
      server: "main",
      tenant: "acme-corp",
      externalId: "ORG_1",
      displayName: "Acme",
      state: "active",
      pool: "glyphs",
      schema: "pool_glyphs",
      ownerRole: "pool_glyphs_owner",
      poolAppRole: "pool_glyphs_app",
      poolReadOnlyRole: "pool_glyphs_ro",
      tenantId: "9caf1814-d817-5b7b-9dc2-fdbc8e73ac84",
      appRole: "glyph_acme__corp_app",
      readOnlyRole: "glyph_acme__corp_ro",
      connectionLimit: 10,
      readOnlyConnectionLimit: 5,
      template: "glyph-foundry",
      variables: { dimensions: 384 },
      password: secret(derived("postgres/app")),
      readOnlyPassword: secret(derived("postgres/read-only")),
    });
  });

  it("carries a uuid as tenant_id in lower case, and tells schema, logins and a secret URL", async () => {
    const externalId = "3F1C2B7E-52A4-4D0E-9B1F-0C6A1D5E7F42";
    const { result } = await registrations(() => new TenantPool("acme-corp", { ...poolArgs(), externalId }));
    expect(await valueOf(result.tenantId)).toBe("3f1c2b7e-52a4-4d0e-9b1f-0c6a1d5e7f42");
    expect(await valueOf(result.schemaName)).toBe("pool_glyphs");
    expect(await valueOf(result.connectionUrl)).toBe(
      `postgresql://glyph_acme__corp_app:${derived("postgres/app")}@db.example:5432/tenants?sslmode=verify-full`,
    );
    expect(await pulumi.isSecret(result.connectionUrl)).toBe(true);
    expect(await pulumi.isSecret(result.password)).toBe(true);
    expect(await pulumi.isSecret(result.readOnlyPassword)).toBe(true);
    expect(await pulumi.isSecret(result.username)).toBe(false);
  });
});
