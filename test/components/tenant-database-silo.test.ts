import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { derivePassword } from "../../components/secrets.ts";
import {
  type SiloRequest,
  siloDatabase,
  TenantDatabaseSilo,
  type TenantDatabaseSiloArgs,
} from "../../components/tenant-database-silo.ts";
import { registrations, secret, valueOf } from "../support/mocks.ts";

const secretText = "s".repeat(64);
const derived = (purpose: string, rotation = 0): string => derivePassword(secretText, "acme-corp", purpose, rotation);

function siloArgs(over: Partial<TenantDatabaseSiloArgs> = {}): TenantDatabaseSiloArgs {
  return {
    tenant: "acme-corp",
    prefix: "tenant",
    server: "main",
    state: "active",
    externalId: "org_1",
    secret: pulumi.secret(secretText),
    template: "knowledge-graph",
    variables: { weight: 1 },
    templateFiles: [{ name: "0001-graph.sql", sha256: "ab" }],
    extensions: ["vector"],
    engine: { kind: "database", host: "db.example", port: 5432, caFile: "/ca.pem" },
    ...over,
  };
}

const inputs = {
  server: "main",
  tenant: "acme-corp",
  externalId: "org_1",
  state: "active",
  database: "tenant_acme__corp",
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
  extensions: ["vector"],
  password: secret(derived("postgres/app")),
  readOnlyPassword: secret(derived("postgres/read-only")),
};

describe("TenantDatabaseSilo on the engine database", () => {
  it("registers one Database with exactly these inputs, and no other resource", async () => {
    const { registered } = await registrations(() => new TenantDatabaseSilo("acme-corp", siloArgs()));
    expect(registered.map(({ type, name }) => [type, name])).toEqual([
      ["tenancy:index:TenantDatabaseSilo", "acme-corp"],
      ["tenancy:postgres:Database", "acme-corp-database"],
    ]);
    expect(registered[1]?.inputs).toEqual(inputs);
  });

  it("gives one shape, whose passwords and URL alone are secrets", async () => {
    const { result } = await registrations(() => new TenantDatabaseSilo("acme-corp", siloArgs({ rotation: 2 })));
    const { host, port, database, schema, user, readOnlyUser, password, readOnlyPassword, connectionUrl } = result;
    const plain = { host, port, database, schema, user, readOnlyUser };
    expect(await valueOf(pulumi.output(plain))).toEqual({
      host: "db.example",
      port: 5432,
      database: "tenant_acme__corp",
      schema: "tenant_acme__corp",
      user: "tenant_acme__corp_app",
      readOnlyUser: "tenant_acme__corp_ro",
    });
    expect([result.caFile, result.ca, result.pooler]).toEqual(["/ca.pem", undefined, undefined]);
    for (const output of Object.values<pulumi.Output<unknown>>(plain))
      expect(await pulumi.isSecret(output)).toBe(false);
    const secrets = [password, readOnlyPassword, connectionUrl];
    for (const output of secrets) expect(await pulumi.isSecret(pulumi.output(output))).toBe(true);
    expect(await valueOf(password)).toBe(derived("postgres/app", 2));
    expect(await valueOf(readOnlyPassword)).toBe(derived("postgres/read-only", 2));
    expect(await valueOf(connectionUrl)).toBe(
      `postgresql://tenant_acme__corp_app:${derived("postgres/app", 2)}@db.example:5432/tenant_acme__corp?sslmode=verify-full`,
    );
  });

  it("hands a described server on, its password as a secret even where the program's is none", async () => {
    const connection = { host: pulumi.output("rds.example"), port: 5432, user: "provisioner", ca: "-----BEGIN" };
    const engine = { kind: "database", host: "rds.example", port: 5432, connection, connectionPassword: "pw" } as const;
    const { registered } = await registrations(
      () => new TenantDatabaseSilo("acme-corp", siloArgs({ server: "rds", catalogue: "main", engine })),
    );
    expect(registered[1]?.inputs).toEqual({
      ...inputs,
      server: "rds",
      catalogue: "main",
      connection: { host: "rds.example", port: 5432, user: "provisioner", ca: "-----BEGIN" },
      connectionPassword: secret("pw"),
    });
  });

  it("has inputs that a preview does not know while the server is not made", async () => {
    const { result } = await registrations(
      () =>
        new TenantDatabaseSilo(
          "acme-corp",
          siloArgs({ engine: { kind: "database", host: unknown<string>(), port: unknown<number>() } }),
        ),
      { preview: true },
    );
    expect(await valueOf(result.user)).toBe("tenant_acme__corp_app");
    expect(await valueOf(result.connectionUrl)).toBeUndefined();
  });
});

describe("TenantDatabaseSilo on an engine that makes a server", () => {
  it("leaves everything to the engine's builder, as children of the component, and gives the same shape", async () => {
    const requests: SiloRequest[] = [];
    const build = (request: SiloRequest) => {
      requests.push(request);
      const connection = { host: "rds.example", port: 5432, user: "provisioner" };
      const database = siloDatabase(request, { connection, connectionPassword: "pw" });
      const text = (value: string) => pulumi.output(value);
      return {
        connection: {
          host: text("rds.example"),
          port: pulumi.output(5432),
          database: database.database,
          schema: database.schema,
          user: database.appRole,
          password: text("not marked"),
          readOnlyUser: database.readOnlyRole,
          readOnlyPassword: text("not marked"),
          ca: text("-----BEGIN"),
          pooler: { host: text("proxy.example"), port: pulumi.output(6432) },
        },
        resources: [database],
      };
    };
    const { result, registered } = await registrations(
      () => new TenantDatabaseSilo("acme-corp", siloArgs({ engine: { kind: "rds", build } })),
    );
    expect(registered.map(({ name }) => name)).toEqual(["acme-corp", "acme-corp-database"]);
    expect(requests.map(({ name, names }) => [name, names.schema])).toEqual([["acme-corp", "tenant_acme__corp"]]);
    expect(requests[0]?.parent).toBe(result);
    expect(result.resources).toHaveLength(1);
    expect(await pulumi.isSecret(pulumi.output(result.password))).toBe(true);
    expect(await pulumi.isSecret(pulumi.output(result.readOnlyPassword))).toBe(true);
    expect(await valueOf(pulumi.output(result.pooler))).toEqual({ host: "proxy.example", port: 6432 });
  });
});

function unknown<T>(): pulumi.Output<T> {
  return pulumi.output((pulumi as unknown as { unknown: T }).unknown) as pulumi.Output<T>;
}
