import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rdsServerSchema } from "../../../components/aws/rds-config.ts";
import { AwsClouds } from "../../../components/clouds-aws.ts";
import { parsePlatform } from "../../../components/platform.ts";
import { TenantDatabaseSilo } from "../../../components/tenant-database-silo.ts";
import { TenancyProvider } from "../../../provider/resources.ts";
import type { TenantRecord } from "../../../tenants/load.ts";
import { registrations, secret, valueOf } from "../../support/mocks.ts";
import { ca, calls, derived, outputs, secretText } from "./rds-build.ts";
import { entry, settings } from "./rds-fixture.ts";

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "tenancy-rds-"));
  writeFileSync(join(dir, entry.caBundleFile), ca);
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

const record = {
  id: "acme",
  prefix: "tenant",
  state: "active",
  placement: { postgres: "eu" },
  postgres: { rotation: 0 },
  silo: settings,
} as unknown as TenantRecord;

function build(server: object = {}, silo: object = {}, others: readonly TenantRecord[] = []) {
  const options = new Map<string, pulumi.ResourceOptions>();
  const run = registrations(
    () => {
      const platform = parsePlatform(
        { postgres: { eu: rdsServerSchema.parse({ ...entry, ...server }) } },
        "tenancy:platform",
        dir,
      );
      const tenant = { ...record, silo: { ...settings, ...silo } } as unknown as TenantRecord;
      const provider = new TenancyProvider("platform", { config: "{}" });
      const clouds = new AwsClouds({
        platform,
        secret: pulumi.secret(secretText),
        tenants: [tenant, ...others],
        provider,
        dependsOn: [],
      });
      const engine = clouds.siloEngine(tenant);
      if (engine === undefined) throw new Error("the entry has no engine");
      return new TenantDatabaseSilo(
        "acme",
        {
          tenant: "acme",
          prefix: "tenant",
          server: "eu",
          state: "active",
          secret: pulumi.secret(secretText),
          externalId: "org_1",
          template: "knowledge-graph",
          variables: {},
          templateFiles: [],
          extensions: ["vector"],
          catalogue: "main",
          engine,
        },
        {
          provider,
          transformations: [
            ({ type, name, opts }) => {
              options.set(`${type} ${name}`, opts);
              return undefined;
            },
          ],
        },
      );
    },
    { outputs, calls },
  );
  return run.then(({ registered, result }) => ({
    registered,
    result,
    inside: registered.find(({ type }) => type === "tenancy:postgres:Database")?.inputs ?? {},
    insideOptions: options.get("tenancy:postgres:Database acme-database") ?? {},
  }));
}

describe("TenantDatabaseSilo on Amazon RDS", () => {
  it("hands what lies inside to the native provider, as the provisioner of the new server", async () => {
    const { inside, result } = await build();
    expect(inside).toEqual({
      server: "eu",
      tenant: "acme",
      externalId: "org_1",
      state: "active",
      database: "tenant_acme",
      schema: "tenant_acme",
      ownerRole: "tenant_acme_owner",
      appRole: "tenant_acme_app",
      readOnlyRole: "tenant_acme_ro",
      connectionLimit: 10,
      readOnlyConnectionLimit: 5,
      template: "knowledge-graph",
      variables: {},
      templateFiles: [],
      additionalFiles: [],
      additionalRoot: "tenants",
      extensions: ["vector"],
      catalogue: "main",
      password: secret(derived("postgres/app")),
      readOnlyPassword: secret(derived("postgres/read-only")),
      connection: {
        host: "tenant-acme.x.eu-central-1.rds.amazonaws.com",
        port: 5432,
        user: "tenancy_provisioner",
        ca,
      },
      connectionPassword: secret(derived("postgres/provisioner")),
    });
    expect(await valueOf(result.connectionUrl)).toBe(
      `postgresql://tenant_acme_app:${derived("postgres/app")}@tenant-acme.x.eu-central-1.rds.amazonaws.com:5432/` +
        "tenant_acme?sslmode=verify-full",
    );
    expect(result.caFile).toBe(join(dir, entry.caBundleFile));
  });

  it("waits for provisioner, database and extensions, and leaves the tenant's data to the final snapshot", async () => {
    const { insideOptions } = await build();
    const { dependsOn, deletedWith } = insideOptions;
    const before = await Promise.all((dependsOn as pulumi.Resource[]).map(({ urn }) => valueOf(urn)));
    expect(before.map((urn) => urn.split("::").at(-1)).sort()).toEqual([
      "acme-extension-vector",
      "acme-extensions",
      "acme-instance",
      "acme-master-membership",
      "acme-postgresql-database",
      "acme-provisioner",
    ]);
    expect(deletedWith && (await valueOf(deletedWith.urn))).toMatch(/::acme-instance$/);
  });

  it("works with the recovered tenant's names, also of another profile's prefix", async () => {
    const old = { ...record, id: "old", prefix: "oikion" } as unknown as TenantRecord;
    const recoverFrom = { tenant: "old", time: "2026-11-27T08:30:00Z" };
    const { inside, registered } = await build({}, { recoverFrom }, [old]);
    expect(inside).toMatchObject({ database: "oikion_old", schema: "oikion_old", appRole: "oikion_old_app" });
    expect(inside).toMatchObject({ tenant: "acme", recoveredFrom: "old" });
    expect(registered.find(({ name }) => name === "acme-instance")?.inputs.restoreToPointInTime).toEqual({
      sourceDbInstanceIdentifier: "oikion-old",
      restoreTime: "2026-11-27T08:30:00Z",
    });
  });

  it("works with the first tenant's names and provisioner in what was recovered twice, and takes over from the second", async () => {
    const time = "2026-11-27T08:30:00Z";
    const first = { ...record, id: "first", prefix: "oikion" } as unknown as TenantRecord;
    const second = {
      ...record,
      id: "second",
      silo: { ...settings, recoverFrom: { tenant: "first", time } },
    } as unknown as TenantRecord;
    const { inside, registered } = await build({}, { recoverFrom: { tenant: "second", time } }, [second, first]);
    expect(inside).toMatchObject({
      database: "oikion_first",
      appRole: "oikion_first_app",
      connectionPassword: secret(derived("postgres/provisioner", "first")),
      recoveredFrom: "second",
    });
    expect(registered.find(({ name }) => name === "acme-instance")?.inputs.restoreToPointInTime).toMatchObject({
      sourceDbInstanceIdentifier: "tenant-second",
    });
  });

  it("tells the pooler, and what IAM has to allow in the place of passwords", async () => {
    const { result } = await build({ proxy: true, iamLogins: true });
    expect(result.pooler !== undefined && (await valueOf(result.pooler.host))).toBe(
      "tenant-acme.proxy-x.eu-central-1.rds.amazonaws.com",
    );
    expect(result.iam !== undefined && (await valueOf(result.iam.loginArns))).toHaveLength(2);
    expect(result.password).toBeUndefined();
    expect(result.readOnlyPassword).toBeUndefined();
  });
});
