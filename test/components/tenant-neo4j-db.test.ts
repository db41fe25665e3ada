import * as pulumi from "@pulumi/pulumi";
import { expect, it } from "vitest";
import { derivePassword } from "../../components/secrets.ts";
import { TenantNeo4jDb, type TenantNeo4jDbArgs } from "../../components/tenant-neo4j-db.ts";
import { registrations, secret, valueOf } from "../support/mocks.ts";

const secretText = "s".repeat(64);
const args = (): TenantNeo4jDbArgs => ({
  tenant: "42",
  prefix: "ekn",
  server: "main",
  state: "active",
  secret: pulumi.secret(secretText),
  rotation: 2,
});
const password = derivePassword(secretText, "42", "neo4j", 2);

it("registers one Database with exactly these inputs, its password as a secret", async () => {
  const { registered } = await registrations(() => new TenantNeo4jDb("42", args()));
  expect(registered.map(({ type, name }) => [type, name])).toEqual([
    ["tenancy:index:TenantNeo4jDb", "42"],
    ["tenancy:neo4j:Database", "42-database"],
  ]);
  expect(registered[1]?.inputs).toEqual({
    server: "main",
    tenant: "42",
    state: "active",
    database: "ekn-42",
    role: "ekn_42",
    username: "ekn_42_app",
    password: secret(password),
  });
});

it("gives database, user and address as the provider tells them, and the password as a secret", async () => {
  const { result } = await registrations(() => new TenantNeo4jDb("42", args()));
  expect(await valueOf(result.databaseName)).toBe("neo4j");
  expect(await valueOf(result.username)).toBe("neo4j");
  expect(await valueOf(result.uri)).toBe("bolt+s://graphs.example:7687");
  expect(await valueOf(result.password)).toBe(password);
  expect(await pulumi.isSecret(result.password)).toBe(true);
  expect(await pulumi.isSecret(result.uri)).toBe(false);
});

it("hands state and backup waiver on, so that the data may be deleted", async () => {
  const backupWaiver = { reason: "trial account", name: "Ada" };
  const { registered } = await registrations(
    () => new TenantNeo4jDb("42", { ...args(), state: "offboarding", backupWaiver }),
  );
  expect(registered[1]?.inputs).toMatchObject({ state: "offboarding", backupWaiver });
});

it("gives another password than every other store, and the same for ever", () => {
  expect(derivePassword(secretText, "42", "redis", 2)).not.toBe(password);
  expect(password).toMatch(/^[A-Za-z0-9_-]{43}$/);
});

it("registers in a preview although uri and password are not known yet", async () => {
  const { registered, result } = await registrations(() => new TenantNeo4jDb("42", args()), { preview: true });
  expect(registered[1]?.inputs.database).toBe("ekn-42");
  expect(await pulumi.isSecret(result.password)).toBe(true);
});
