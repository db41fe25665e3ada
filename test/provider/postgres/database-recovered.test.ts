import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatabaseInputs, DatabaseOutputs } from "../../../provider/inputs.ts";
import { parseMark } from "../../../provider/mark.ts";
import { databaseHandler } from "../../../provider/postgres/database.ts";
import {
  calling,
  connectionOf,
  CrashingPools,
  createSilo,
  databaseInputs,
  driftOf,
  dropDatabases,
  leftovers,
  siloBaseline,
} from "./database-support.ts";
import { asAdmin, connect, dependencies, tenantId, waiver } from "./support.ts";

const deps = dependencies();
const handler = databaseHandler(deps);
beforeAll(() => siloBaseline(deps), 120_000);
afterAll(async () => {
  await dropDatabases();
  await deps.pools.close();
});

/** A tenant's database with a row, on a server that the inputs describe. */
async function source(name: string): Promise<DatabaseInputs> {
  const inputs = databaseInputs(tenantId(name), { server: "rds", ...connectionOf(), catalogue: "main" });
  await createSilo(deps, inputs);
  const app = await connect(inputs.appRole, inputs.password, inputs.database);
  await app.query("INSERT INTO graph_entities (id, entity_type) VALUES ('kept', 't')");
  await app.end();
  return inputs;
}

/** In the place of a restore: a new tenant's inputs for what the source has made, whose state is forgotten. */
function restored(from: DatabaseInputs, over: Partial<DatabaseInputs> = {}): DatabaseInputs {
  const tenant = tenantId("restored");
  const { password, readOnlyPassword } = databaseInputs(tenant);
  const own = { tenant, externalId: `external-${tenant}`, password, readOnlyPassword };
  return { ...from, ...own, recoveredFrom: from.tenant, ...over };
}

async function rowsOf(user: string, password: string, database: string): Promise<string[]> {
  const client = await connect(user, password, database);
  const { rows } = await client.query<{ id: string }>("SELECT id FROM graph_entities ORDER BY id");
  await client.end();
  return rows.map(({ id }) => id);
}

/** Whom the marks and the records inside of the database, and the catalogue, name. */
async function namesIn({ database, schema }: DatabaseInputs) {
  const [marks] = await asAdmin<{ database: string; schema: string }>(
    `SELECT shobj_description(d.oid, 'pg_database') AS database, obj_description(n.oid, 'pg_namespace') AS schema
     FROM pg_database d, pg_namespace n WHERE d.datname = $1 AND n.nspname = $2`,
    [database, schema],
    database,
  );
  const inside = await asAdmin(
    `SELECT id, external_id, status, urn FROM platform.tenants
     UNION ALL SELECT DISTINCT tenant, 'of files', '', '' FROM platform.applied_files`,
    [],
    database,
  );
  return { database: parseMark(marks?.database), schema: parseMark(marks?.schema), inside };
}

function namesOf(inputs: DatabaseInputs, { markUrn, instanceToken }: DatabaseOutputs) {
  const mark = { urn: markUrn, tenant: inputs.tenant, token: instanceToken };
  const { tenant, externalId } = inputs;
  const inside = [
    { id: tenant, external_id: externalId, status: "ready", urn: markUrn },
    { id: tenant, external_id: "of files", status: "", urn: "" },
  ];
  return { database: mark, schema: mark, inside };
}

const statusOf = (tenant: string) => asAdmin("SELECT status FROM platform.tenants WHERE id = $1", [tenant]);

describe("a database from another tenant's backups", () => {
  let from: DatabaseInputs;
  let inputs: DatabaseInputs;
  let outputs: DatabaseOutputs;
  beforeAll(async () => {
    from = await source("source");
    inputs = restored(from);
  });

  test("is the new tenant's with its rows: new passwords, marks, records, an entry, and no drift", async () => {
    const { tenant } = inputs;
    const held = await connect(from.appRole, from.password, from.database);
    const ended = new Promise((resolve) => held.once("end", resolve));
    expect(await handler.check(calling(tenant), undefined, inputs)).toEqual([]);
    outputs = await createSilo(deps, inputs);
    await ended;
    for (const [user, old, password] of [
      [from.appRole, from.password, inputs.password],
      [from.readOnlyRole, from.readOnlyPassword, inputs.readOnlyPassword],
    ] as const) {
      await expect(connect(user, old, from.database)).rejects.toMatchObject({ code: "28P01" });
      expect(await rowsOf(user, password, from.database)).toEqual(["kept"]);
    }
    expect(await namesIn(inputs)).toEqual(namesOf(inputs, outputs));
    expect(await driftOf(deps, inputs, outputs)).toEqual([]);
    const events = "SELECT event, detail->>'from' AS source FROM platform.events WHERE tenant = $1 ORDER BY id";
    expect(await asAdmin(events, [tenant])).toEqual([{ event: "recover", source: from.tenant }]);
    expect(await asAdmin(events, [tenant], inputs.database)).toEqual([
      { event: "take over", source: from.tenant },
      { event: "recover", source: null },
    ]);
    expect(await statusOf(tenant)).toEqual([{ status: "ready" }]);
    // The source lives on, on a server of its own.
    expect(await statusOf(from.tenant)).toEqual([{ status: "ready" }]);
  });

  test("is taken over a second time with a new token and nothing else changed, and by no third tenant", async () => {
    const again = await createSilo(deps, inputs);
    expect(again.instanceToken).not.toBe(outputs.instanceToken);
    expect(await namesIn(inputs)).toEqual(namesOf(inputs, again));
    expect(await rowsOf(inputs.appRole, inputs.password, inputs.database)).toEqual(["kept"]);
    expect(await driftOf(deps, inputs, again)).toEqual([]);
    const third = restored(from);
    await expect(createSilo(deps, third)).rejects.toThrow(
      `tenant ${third.tenant}: PostgreSQL database "${from.database}" carries the mark of the tenant ${inputs.tenant}, ` +
        `and recoveredFrom is "${from.tenant}"`,
    );
    expect(await namesIn(inputs)).toEqual(namesOf(inputs, again));
    outputs = again;
  });

  test("is updated, and removed by the token of its state alone", async () => {
    const last: DatabaseInputs = { ...inputs, state: "offboarding", backupWaiver: waiver };
    const leaving = await handler.update(calling(inputs.tenant), inputs.database, outputs, last);
    expect(await driftOf(deps, last, leaving)).toEqual([]);
    const old = calling(inputs.tenant);
    await handler.delete(old, inputs.database, { ...leaving, instanceToken: "the source's" });
    expect(old.warnings).toEqual([expect.stringMatching(/is left alone/)]);
    await handler.delete(calling(inputs.tenant), inputs.database, leaving);
    expect(await leftovers(inputs)).toEqual([]);
    expect(await statusOf(inputs.tenant)).toEqual([{ status: "removed" }]);
    expect(await statusOf(from.tenant)).toEqual([{ status: "ready" }]);
  });
});

describe("a database that is not taken over", () => {
  test("is another tenant's, the living source's, one without a mark or without its schema, or none", async () => {
    const from = await source("living");
    const before = await namesIn(from);
    const wrong = restored(from, { recoveredFrom: "somebody-else" });
    await expect(createSilo(deps, wrong)).rejects.toThrow(/carries the mark of the tenant living-.*"somebody-else"/);
    await expect(createSilo(deps, { ...wrong, recoveredFrom: undefined })).rejects.toThrow(/aliases/);

    const { host, port } = from.connection ?? { host: "", port: 0 };
    const route = (value: object | null) =>
      asAdmin("UPDATE platform.tenants SET route = $2 WHERE id = $1", [from.tenant, value]);
    const inputs = restored(from);
    await route({ host, port, database: from.database });
    await expect(createSilo(deps, inputs)).rejects.toThrow(
      `connection is ${host}:${port}, which is the server of the tenant ${from.tenant} itself`,
    );
    await route({ host, port: port + 1, database: from.database });
    const nowhere = restored(from, { database: `${from.database}_x` });
    await expect(createSilo(deps, nowhere)).rejects.toThrow(/is not on the server/);
    expect(await leftovers({ ...nowhere, ownerRole: "", appRole: "", readOnlyRole: "" })).toEqual([]);

    const marks = { database: JSON.stringify(before.database), schema: JSON.stringify(before.schema) };
    await asAdmin(`COMMENT ON DATABASE "${from.database}" IS NULL`);
    await expect(createSilo(deps, inputs)).rejects.toThrow(/database .* carries no mark/);
    await asAdmin(`COMMENT ON DATABASE "${from.database}" IS '${marks.database}'`);
    await asAdmin(`COMMENT ON SCHEMA "${from.schema}" IS NULL`, [], from.database);
    await expect(createSilo(deps, inputs)).rejects.toThrow(/schema .* carries no mark/);
    await asAdmin(`COMMENT ON SCHEMA "${from.schema}" IS '${marks.schema}'`, [], from.database);
    expect(await namesIn(from)).toEqual(before);
    expect(await rowsOf(from.appRole, from.password, from.database)).toEqual(["kept"]);

    await asAdmin(`DROP SCHEMA "${from.schema}" CASCADE`, [], from.database);
    await expect(createSilo(deps, inputs)).rejects.toThrow(/schema .* is not on the server/);
  });

  test("lies on a server of the platform: refused at preview, as are the tenant itself and an empty id", async () => {
    const inputs = restored(databaseInputs("source", { ...connectionOf() }));
    const reasons = async (over: Partial<DatabaseInputs>) =>
      (await handler.check(calling("x"), undefined, { ...inputs, ...over })).map(({ reason }) => reason);
    const shared = { server: "main", connection: undefined, connectionPassword: undefined };
    expect(await reasons(shared)).toEqual([
      expect.stringContaining("recoveredFrom is only for a server of the tenant's own"),
    ]);
    await expect(createSilo(deps, restored(await source("shared"), shared))).rejects.toThrow(
      /it is only for a server of the tenant's own/,
    );
    expect(await reasons({ recoveredFrom: inputs.tenant })).toEqual([expect.stringContaining("the tenant itself")]);
    expect(await reasons({ recoveredFrom: "" })).toEqual([expect.stringContaining('recoveredFrom is ""')]);
    expect(handler.replaceOn).toContain("recoveredFrom");
  });
});

test("a recovery that was killed after any step is taken up by the next run", async () => {
  const count = new CrashingPools(Infinity);
  await createSilo({ ...deps, pools: count }, restored(await source("whole")));
  await count.close();
  // Records, roles with passwords and the schema's mark, the database's mark, catalogue.
  expect(count.changes).toBe(4);
  for (let until = 1; until <= count.changes; until += 1) {
    const inputs = restored(await source("crash"));
    const pools = new CrashingPools(until);
    await expect(createSilo({ ...deps, pools }, inputs)).rejects.toThrow("the process was killed");
    await pools.close();
    const news = { ...inputs, password: "another" };
    const outputs = await createSilo(deps, news);
    expect([until, await driftOf(deps, news, outputs)]).toEqual([until, []]);
    expect(await namesIn(news)).toEqual(namesOf(news, outputs));
    expect(await rowsOf(news.appRole, "another", news.database)).toEqual(["kept"]);
  }
}, 120_000);

describe("logins by IAM", () => {
  let inputs: DatabaseInputs;
  let outputs: DatabaseOutputs;
  beforeAll(async () => {
    inputs = databaseInputs(tenantId("iam"), { server: "rds", ...connectionOf(), catalogue: "main" });
    outputs = await createSilo(deps, inputs);
    await asAdmin(`CREATE ROLE rds_iam; CREATE ROLE rds_iam_too`);
  });
  afterAll(() => asAdmin("DROP ROLE rds_iam; DROP ROLE rds_iam_too"));

  const member = (roles: string) =>
    asAdmin(
      `SELECT pg_get_userbyid(roleid) AS role FROM pg_auth_members WHERE pg_get_userbyid(member) = ANY ($1) ORDER BY 1`,
      [roles.split(" ")],
    );

  test("on the tenant's own server are told and taken away by nothing, and no password is tried", async () => {
    const { appRole, readOnlyRole } = inputs;
    await asAdmin(`GRANT rds_iam TO "${appRole}", "${readOnlyRole}"`);
    // In the place of a server that asks IAM: it refuses the password.
    await asAdmin(`ALTER ROLE "${appRole}" PASSWORD 'x'`);
    expect(await driftOf(deps, inputs, outputs)).toEqual([]);
    await handler.update(calling(inputs.tenant), inputs.database, outputs, { ...inputs, connectionLimit: 9 });
    await handler.update(calling(inputs.tenant), inputs.database, outputs, inputs);
    expect(await member(`${appRole} ${readOnlyRole}`)).toEqual([{ role: "rds_iam" }, { role: "rds_iam" }]);
  });

  test("are nothing else: the owner, the right to hand it on, and another role are told and taken away", async () => {
    const { appRole, readOnlyRole, ownerRole } = inputs;
    await asAdmin(
      `GRANT rds_iam TO "${ownerRole}"; GRANT rds_iam TO "${readOnlyRole}" WITH ADMIN TRUE; GRANT rds_iam_too TO "${appRole}"`,
    );
    const told = [
      `the role ${appRole} is a member of rds_iam_too`,
      `the role ${ownerRole} is a member of rds_iam`,
      `the role ${readOnlyRole} is a member of rds_iam`,
    ];
    expect([...((await driftOf(deps, inputs, outputs)) ?? [])].sort()).toEqual(told);
    const update = handler.update(calling(inputs.tenant), inputs.database, outputs, inputs);
    await expect(update).rejects.toThrow(/only an administrator can mend/);
    await asAdmin(
      `REVOKE rds_iam FROM "${ownerRole}"; REVOKE ADMIN OPTION FOR rds_iam FROM "${readOnlyRole}"; REVOKE rds_iam_too FROM "${appRole}"`,
    );
    expect(await driftOf(deps, inputs, outputs)).toEqual([]);
  });

  test("on a server of the platform are a membership as any other", async () => {
    const shared = databaseInputs(tenantId("no-iam"));
    const made = await createSilo(deps, shared);
    await asAdmin(`GRANT rds_iam TO "${shared.appRole}"`);
    expect(await driftOf(deps, shared, made)).toEqual([`the role ${shared.appRole} is a member of rds_iam`]);
    await handler.update(calling(shared.tenant), shared.database, made, shared);
    expect(await driftOf(deps, shared, made)).toEqual([]);
  });
});
