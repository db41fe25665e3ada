import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { faultsOf, keepers, retentionTable, type TenantRetention } from "../../cli/commands/retention.ts";
import type { Connections, PostgresConnection } from "../../cli/connections.ts";
import { retain } from "../../cli/retain.ts";
import type { TenantRecord } from "../../tenants/load.ts";
import { baseline, createTenant, dependencies, schemaInputs, tenantId } from "../provider/postgres/support.ts";
import { services } from "../support/services.ts";
import { inSchema, type InSchema, value } from "../templates/template-support.ts";
import type { SchemaInputs } from "../../provider/inputs.ts";

const deps = dependencies();
let tenant: InSchema;
beforeAll(async () => {
  await baseline(deps);
  tenant = await inSchema(deps, "kato");
}, 120_000);
afterAll(async () => {
  await tenant.app.end();
  await deps.pools.close();
});

function connectionOf({ appRole, password, readOnlyRole, schema }: SchemaInputs): PostgresConnection {
  const main = services().platform.postgres.main;
  if (main === undefined) throw new Error("the services have a PostgreSQL server");
  const { host, port, database, ca } = main;
  return { host, port, database, ca, user: appRole, password, readOnlyUser: readOnlyRole, schema };
}

describe("tenancy retention", () => {
  test("deletes in batches what --dry-run counts, and a second run finds nothing", async () => {
    const { app, inputs } = tenant;
    await app.query(
      "INSERT INTO sessions (session, scope, created_at, expires_at) SELECT 's' || i, 'user:u', now() - interval '2 days', " +
        "now() + make_interval(hours => i - 24, mins => 1) FROM generate_series(1, 30) i",
    );
    const connection = connectionOf(inputs);
    const none = { sessions: 0, observations: 0, patterns: 0, memory_vectors: 0 };
    expect(await retain(connection, { dryRun: true, batch: 5 })).toEqual({ ...none, sessions: 23 });
    expect(await value(app, "SELECT count(*)::int FROM sessions")).toBe(30);
    expect(await retain(connection, { dryRun: false, batch: 5 })).toEqual({ ...none, sessions: 23 });
    expect(await value(app, "SELECT count(*)::int FROM sessions WHERE expires_at > now()")).toBe(7);
    expect(await retain(connection, { dryRun: false, batch: 5 })).toEqual(none);
  });

  test("ends after the batch under way when it is told to stop", async () => {
    const { app, inputs } = tenant;
    await app.query("DELETE FROM sessions");
    await app.query(
      "INSERT INTO sessions (session, scope, created_at, expires_at) SELECT 't' || i, 'user:u', now() - interval '2 days', " +
        "now() - interval '1 day' FROM generate_series(1, 9) i",
    );
    const stopped = AbortSignal.abort();
    expect(await retain(connectionOf(inputs), { dryRun: false, batch: 4, signal: stopped })).toMatchObject({
      sessions: 4,
    });
    expect(await value(app, "SELECT count(*)::int FROM sessions WHERE expires_at < now()")).toBe(5);
  });

  test("says what to do where the functions are missing, the login is closed, or there is no password", async () => {
    const other = schemaInputs(tenantId("graph"));
    await createTenant(deps, other);
    const options = { dryRun: false, batch: 5 };
    await expect(retain(connectionOf(other), options)).rejects.toMatchObject({
      name: "RetentionError",
      message:
        "has no retention functions (42883): its template has them since a later version; run `npm run up` first",
      deleted: {},
    });
    const wrong = { ...connectionOf(other), password: "wrong-password" };
    await expect(retain(wrong, options)).rejects.toThrow(/28P01/);
    await expect(retain(wrong, options)).rejects.not.toThrow(/wrong-password/);
    await expect(retain({ ...wrong, password: undefined }, options)).rejects.toThrow(/tokens of IAM/);
  });

  test("takes tenants of templates with retention, and tells why one is left", () => {
    const record = (id: string, template: string) =>
      ({ id, postgres: { template } }) as Partial<TenantRecord> as TenantRecord;
    const records = ["new", "closed", "beta", "acme"].map((id) => record(id, "kato"));
    const postgres = connectionOf(tenant.inputs);
    const live = new Map<string, Connections>([
      ["acme", { tier: "pool", state: "active", postgres }],
      ["beta", { tier: "bridge", state: "active", postgres }],
      ["closed", { tier: "bridge", state: "suspended", postgres }],
      ["other", { tier: "bridge", state: "active", postgres }],
    ]);
    const chosen = keepers([...records, record("other", "ekn")], live, (template) => template === "kato");
    expect(chosen).toEqual([
      { id: "acme", connection: postgres },
      { id: "beta", connection: postgres },
      { id: "closed", left: "is suspended: its logins are closed" },
      { id: "new", left: "is not in the stack yet" },
    ]);
    expect(faultsOf({ batch: "5000" }, chosen)).toEqual([]);
    expect(faultsOf({ batch: "0", tenant: ["acme", "other"] }, chosen)).toEqual([
      '--batch "0": allowed is a whole number from 1 to 100000.',
      '--tenant "other": no such tenant has a template with retention; there are: acme, beta, closed, new.',
    ]);
  });

  test("prints a line a tenant and table", () => {
    const tenants: TenantRetention[] = [
      { id: "acme", tables: { sessions: 12, patterns: 0, observations: 1 }, failed: false },
      { id: "beta", tables: { sessions: 0 }, failed: false },
      { id: "closed", tables: {}, reason: "is suspended: its logins are closed", failed: false },
      { id: "gone", tables: { sessions: 5 }, reason: "the connection broke", failed: true },
    ];
    expect(retentionTable(tenants, false).split("\n")).toEqual([
      "tenant  table         deleted",
      "acme    sessions      12",
      "        observations  1",
      "beta                  0",
      "closed                         is suspended: its logins are closed",
      "gone    sessions      5",
      "                               the connection broke",
      "",
      "18 rows of 4 tenants deleted; 1 failed",
    ]);
    expect(retentionTable([], true)).toBe("no tenant has a template with retention");
    expect(retentionTable(tenants.slice(1, 2), true).split("\n").at(-1)).toBe(
      "0 rows of 1 tenant expired, nothing deleted",
    );
  });
});
