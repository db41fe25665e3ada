import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { rdsServerSchema } from "../../../components/aws/rds-config.ts";
import { RdsFoundation } from "../../../components/aws/rds-foundation.ts";
import { RdsSharedServer, type RdsSharedServerArgs } from "../../../components/aws/rds-shared.ts";
import { derivePassword } from "../../../components/secrets.ts";
import { postgresServerSchema } from "../../../provider/config.ts";
import { registrations, secret, valueOf } from "../../support/mocks.ts";
import { entry, settings } from "./rds-fixture.ts";

const secretText = "s".repeat(64);
const ca = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
const outputs = {
  "aws:rds/instance:Instance": { address: "db.example", arn: "a:b", masterUserSecrets: [{ secretArn: "arn:master" }] },
};
const calls = {
  "aws:secretsmanager/getSecretVersion:getSecretVersion": { secretString: '{"password":"planted-master"}' },
};

function build(changed: Partial<RdsSharedServerArgs> = {}, options: pulumi.ComponentResourceOptions = {}) {
  return registrations(
    () =>
      new RdsSharedServer(
        "main",
        {
          foundation: new RdsFoundation("eu", { server: rdsServerSchema.parse(entry), caFile: "/ca.pem", ca }),
          identifier: "tenants",
          database: "tenants",
          extensions: ["vector"],
          settings,
          secret: pulumi.secret(secretText),
          ...changed,
        },
        options,
      ),
    { outputs, calls },
  );
}

describe("RdsSharedServer", () => {
  it("registers an instance, and what the Baseline wants in a shared database, one grant after the other", async () => {
    const { registered } = await build();
    const own = registered.filter(({ name }) => name.startsWith("main"));
    expect(own.map(({ type, name }) => `${type} ${name}`).sort()).toEqual([
      "aws:rds/instance:Instance main-instance",
      "postgresql:index/database:Database main-postgresql-database",
      "postgresql:index/extension:Extension main-extension-vector",
      "postgresql:index/grant:Grant main-provisioner-grant",
      "postgresql:index/grant:Grant main-public",
      "postgresql:index/role:Role main-provisioner",
      "postgresql:index/schema:Schema main-extensions",
      "pulumi:providers:postgresql main-postgresql",
      "tenancy:index:RdsSharedServer main",
    ]);
    const order = own.map(({ name }) => name);
    expect(order.indexOf("main-public")).toBeLessThan(order.indexOf("main-provisioner-grant"));
    const inputs = Object.fromEntries(own.map((one) => [one.name, one.inputs]));
    expect(inputs["main-instance"]).toMatchObject({
      identifier: "tenants",
      finalSnapshotIdentifier: "tenants-final",
      deletionProtection: true,
      tags: { "tenancy:server": "main" },
    });
    expect(inputs["main-provisioner"]).toMatchObject({ createRole: true, createDatabase: false });
    expect(inputs["main-postgresql-database"]).toEqual({ name: "tenants", owner: "tenancy_master" });
    expect(inputs["main-public"]).toEqual({
      role: "public",
      database: "tenants",
      objectType: "database",
      privileges: [],
    });
    expect(inputs["main-provisioner-grant"]).toEqual({
      role: "tenancy_provisioner",
      database: "tenants",
      objectType: "database",
      privileges: ["CONNECT", "CREATE"],
      withGrantOption: true,
    });
    expect(inputs["main-postgresql"]).toMatchObject({ host: "db.example", password: secret("planted-master") });
  });

  it("hands nothing over: what @pulumi/postgresql made there it keeps and removes", async () => {
    const kept: string[] = [];
    const seen: string[] = [];
    const ignored: string[] = [];
    const watch: pulumi.ResourceTransformation = ({ name, opts }) => {
      seen.push(name);
      if ("retainOnDelete" in opts && opts.retainOnDelete === true) kept.push(name);
      if ("ignoreChanges" in opts) ignored.push(`${name} ${opts.ignoreChanges?.join() ?? ""}`);
      return undefined;
    };
    await build({}, { transformations: [watch] });
    expect(seen).toEqual(expect.arrayContaining(["main-postgresql-database", "main-extensions"]));
    expect(kept).toEqual([]);
    // The provisioner is a member of every role that it makes.
    expect(ignored.filter((one) => !one.startsWith("main-instance"))).toEqual(["main-provisioner roles"]);
  });

  it("gives the native provider's entry of the server, as a secret", async () => {
    const { result } = await build();
    const server = await valueOf(result.server);
    expect(postgresServerSchema.parse(server)).toEqual({
      host: "db.example",
      port: 5432,
      database: "tenants",
      admin: { user: "tenancy_master", password: "planted-master" },
      provisioner: {
        user: "tenancy_provisioner",
        password: derivePassword(secretText, "main", "server/provisioner", 0),
      },
      ca,
    });
    expect(await pulumi.isSecret(result.server)).toBe(true);
  });

  it("has no password that a tenant of the server's name has", () => {
    expect(derivePassword(secretText, "main", "server/provisioner", 0)).not.toBe(
      derivePassword(secretText, "main", "postgres/provisioner", 0),
    );
  });

  it("may be deleted only after it was said so", async () => {
    const { registered } = await build({ leaving: true });
    expect(registered.find(({ name }) => name === "main-instance")?.inputs).toMatchObject({
      deletionProtection: false,
      skipFinalSnapshot: false,
    });
  });

  it.each(["", "Tenants", "a--b", "a-", "1a", "a".repeat(51)])("refuses the identifier %j", async (identifier) => {
    await expect(build({ identifier })).rejects.toThrow(`server main: "${identifier}" is no identifier`);
  });

  it("says what of the settings cannot be", async () => {
    await expect(build({ settings: { ...settings, storageSize: "1Gi" } })).rejects.toThrow(
      'server main: silo.storageSize is "1Gi"',
    );
  });
});
