import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatabaseInputs, DatabaseOutputs } from "../../../provider/inputs.ts";
import { databaseHandler } from "../../../provider/postgres/database.ts";
import {
  administrator,
  calling,
  connectionOf,
  createSilo,
  databaseInputs,
  driftOf,
  dropDatabases,
  leftovers,
  mainServer,
  siloBaseline,
  withoutAdmin,
  withoutServers,
} from "./database-support.ts";
import { asAdmin, connect, createTenant, dependencies, schemaInputs, stateOf, tenantId, waiver } from "./support.ts";

const deps = dependencies();
const handler = databaseHandler(deps);
const provisioner = mainServer().provisioner.user;
beforeAll(() => siloBaseline(deps), 120_000);
afterAll(async () => {
  await dropDatabases();
  await deps.pools.close();
});

describe("drift", () => {
  let inputs: DatabaseInputs;
  let outputs: DatabaseOutputs;
  const stranger = `stranger_${tenantId("x").replaceAll("-", "_")}`;
  beforeAll(async () => {
    inputs = databaseInputs(tenantId("drift"), { extensions: ["vector"] });
    outputs = await createSilo(deps, inputs);
    await asAdmin(`CREATE ROLE ${stranger} LOGIN PASSWORD 'x'`);
  });
  afterAll(async () => {
    await asAdmin(`DROP ROLE ${stranger}`);
  });

  const database = () => `"${inputs.database}"`;
  /** What is done, where (in the database, or beside it), and the sentences that tell it. */
  const kinds: [string, "inside" | "outside", () => string, (string | RegExp)[]][] = [
    [
      "everybody may connect and make temporary tables",
      "outside",
      () => `GRANT CONNECT, TEMP ON DATABASE ${database()} TO PUBLIC`,
      [/^PUBLIC has CONNECT, TEMPORARY on the database tenant_drift/],
    ],
    [
      "a stranger may connect",
      "outside",
      () => `GRANT CONNECT ON DATABASE ${database()} TO ${stranger}`,
      [new RegExp(`^${stranger} has CONNECT on the database`)],
    ],
    [
      "another owner",
      "outside",
      () => `ALTER DATABASE ${database()} OWNER TO ${administrator().user}`,
      [/belongs to .*, not to/],
    ],
    [
      "a limit that is lifted",
      "outside",
      () => `ALTER DATABASE ${database()} CONNECTION LIMIT -1`,
      [/has a connection limit of -1, not 20/],
    ],
    [
      "a template that others may copy",
      "outside",
      () => `ALTER DATABASE ${database()} IS_TEMPLATE true`,
      [/is a template that others may copy/],
    ],
    [
      "no connections",
      "outside",
      () => `ALTER DATABASE ${database()} ALLOW_CONNECTIONS false`,
      [/refuses all connections/],
    ],
    [
      "settings for everybody and for a stranger",
      "outside",
      () =>
        `ALTER DATABASE ${database()} SET work_mem = '1GB'; ALTER ROLE ${stranger} IN DATABASE ${database()} SET search_path = x`,
      [/has settings for everybody: work_mem/, /has settings for stranger_.*: search_path/],
    ],
    ["a lost mark", "outside", () => `COMMENT ON DATABASE ${database()} IS NULL`, [/has lost its mark/]],
    [
      "the provisioner shut out",
      "outside",
      () => `REVOKE ALL ON DATABASE ${database()} FROM ${provisioner}`,
      [/the provisioner .* has lost CONNECT and CREATE/],
    ],
    [
      "an open public schema, an open extensions schema, open functions",
      "inside",
      () =>
        `GRANT ALL ON SCHEMA public TO PUBLIC; GRANT CREATE ON SCHEMA extensions TO PUBLIC; GRANT EXECUTE ON FUNCTION lo_creat(int) TO PUBLIC`,
      [
        "PUBLIC has rights on the schema public",
        "the rights of PUBLIC on the schema extensions are not USAGE alone",
        "PUBLIC may execute lo_creat(integer)",
      ],
    ],
    ["a lost extension", "inside", () => "DROP EXTENSION vector", ["the extension vector is not installed"]],
    [
      "a lost table of the schema platform, and one that is open",
      "inside",
      () => "DROP TABLE platform.events; GRANT USAGE ON SCHEMA platform TO PUBLIC",
      ["PUBLIC has USAGE on the schema platform", "the table platform.events is not there"],
    ],
    [
      "another search_path, password, login attribute and connection limit",
      "inside",
      () =>
        `ALTER ROLE "${inputs.appRole}" IN DATABASE ${database()} SET search_path = public; ALTER ROLE "${inputs.appRole}" BYPASSRLS CONNECTION LIMIT 99 PASSWORD 'x'`,
      [
        /connection limit of 99/,
        /has BYPASSRLS/,
        /settings of the role .*_app in the database/,
        /password of the role/,
      ],
    ],
    [
      "rights of a stranger in the schema",
      "inside",
      () => `GRANT USAGE ON SCHEMA "${inputs.schema}" TO ${stranger}`,
      [/the schema .* has other rights than a tenant's for stranger_/],
    ],
    ["a dropped index", "inside", () => `DROP INDEX "${inputs.schema}".graph_entities_type`, [/index .* is missing/]],
    [
      "the catalogue's entry",
      "outside",
      () => `DELETE FROM platform.tenants WHERE id = '${inputs.tenant}'`,
      [/the catalogue has no entry of the tenant/],
    ],
  ];

  test.each(kinds)("is told, and mended by an update: %s", async (_name, place, damage, sentences) => {
    await asAdmin(damage(), [], place === "inside" ? inputs.database : undefined);
    const told = (await driftOf(deps, inputs, outputs)) ?? [];
    for (const sentence of sentences) {
      expect(told).toEqual(
        expect.arrayContaining([typeof sentence === "string" ? sentence : expect.stringMatching(sentence)]),
      );
    }
    expect(told).toHaveLength(sentences.length);
    await handler.update(calling(inputs.tenant), inputs.database, outputs, inputs);
    expect(await driftOf(deps, inputs, outputs)).toEqual([]);
  });

  test("a schema that is gone is left to a person, and made anew, with its tables, only where the tenant is named", async () => {
    const own = databaseInputs(tenantId("gone"));
    const made = await createSilo(deps, own);
    await asAdmin(`DROP SCHEMA "${own.schema}" CASCADE`, [], own.database);
    expect(await driftOf(deps, own, made)).toEqual([
      `the schema ${own.schema} is gone from the database ${own.database}`,
    ]);
    await expect(handler.update(calling(own.tenant), own.database, made, own)).rejects.toThrow(
      new RegExp(`tenancy adopt ${own.tenant}`),
    );
    await handler.update(calling(own.tenant, { adopt: [own.tenant] }), own.database, made, own);
    expect(await driftOf(deps, own, made)).toEqual([]);
  });
});

describe("isolation", () => {
  test("no login but the silo's own gets into it, and its own get into nothing else", async () => {
    const silo = databaseInputs(tenantId("silo"));
    const other = databaseInputs(tenantId("other"));
    const bridge = schemaInputs(tenantId("bridge"));
    await createSilo(deps, silo);
    await createSilo(deps, other);
    await createTenant(deps, bridge);
    const denied: [string, string, string][] = [
      [bridge.appRole, bridge.password, silo.database],
      [bridge.readOnlyRole, bridge.readOnlyPassword, silo.database],
      [other.appRole, other.password, silo.database],
      ...["tenants", "postgres", "template1", other.database].flatMap((database): [string, string, string][] => [
        [silo.appRole, silo.password, database],
        [silo.readOnlyRole, silo.readOnlyPassword, database],
      ]),
    ];
    for (const [user, password, database] of denied) {
      const refused = connect(user, password, database);
      await expect(refused, `${user} in ${database}`).rejects.toMatchObject({ code: "42501", severity: "FATAL" });
    }
    const app = await connect(silo.appRole, silo.password, silo.database);
    const statements = [
      "CREATE TABLE public.t (id int)",
      "CREATE TABLE extensions.t (id int)",
      `CREATE TABLE "${silo.schema}".t (id int)`,
      "CREATE TEMP TABLE t (id int)",
      "CREATE SCHEMA mine",
      "SELECT * FROM platform.tenants",
      "DELETE FROM platform.applied_files",
      "SELECT lo_create(0)",
      "SELECT pg_advisory_lock(1)",
      "SELECT pg_notify('c', 'p')",
      "CREATE EXTENSION hstore",
      `COMMENT ON DATABASE "${silo.database}" IS 'mine'`,
      `ALTER DATABASE "${silo.database}" CONNECTION LIMIT -1`,
      `DROP DATABASE "${other.database}"`,
      `CREATE DATABASE copy TEMPLATE "${other.database}"`,
      `SET ROLE "${silo.ownerRole}"`,
    ];
    for (const sql of statements) expect([sql, await stateOf(app, sql)]).toEqual([sql, "42501"]);
    await app.end();
  });
});

describe("a server that the inputs describe", () => {
  test("gets the same database under another name, is drift-free, and is removed with the catalogue's tombstone", async () => {
    const pools = withoutServers();
    const apart = databaseHandler(pools);
    const inputs = databaseInputs(tenantId("apart"), { server: "rds", ...connectionOf() });
    expect(await apart.check(calling(inputs.tenant), undefined, inputs)).toEqual([]);
    const { outputs } = await apart.create(calling(inputs.tenant), inputs);
    const app = await connect(inputs.appRole, inputs.password, inputs.database);
    await app.query("INSERT INTO graph_entities (id, entity_type) VALUES ('a', 't')");
    await app.end();
    const drift = async () =>
      (await apart.read(calling(inputs.tenant), inputs.database, inputs, outputs))?.inputs.drift;
    expect(await drift()).toBeUndefined();
    // Migration tools lock as they like in a database of the tenant's own server.
    const open = await connect(inputs.appRole, inputs.password, inputs.database);
    await open.query("SELECT pg_advisory_lock(7305804385)");
    const last: DatabaseInputs = { ...inputs, state: "offboarding", backupWaiver: waiver };
    const leaving = await apart.update(calling(inputs.tenant), inputs.database, outputs, last);
    await apart.delete(calling(inputs.tenant), inputs.database, leaving);
    expect(await leftovers(inputs)).toEqual([]);
    await pools.pools.close();
  });

  test("has its database from another resource: an empty one is taken, one with a table is not", async () => {
    const pools = withoutServers();
    const apart = databaseHandler(pools);
    const inputs = databaseInputs(tenantId("given"), { server: "rds", ...connectionOf(), catalogue: undefined });
    await asAdmin(`CREATE DATABASE "${inputs.database}" OWNER ${provisioner}`);
    const { outputs } = await apart.create(calling(inputs.tenant), inputs);
    expect((await apart.read(calling(inputs.tenant), inputs.database, inputs, outputs))?.inputs.drift).toBeUndefined();
    const full = databaseInputs(tenantId("full"), { server: "rds", ...connectionOf() });
    await asAdmin(`CREATE DATABASE "${full.database}" OWNER ${provisioner}`);
    await asAdmin("CREATE TABLE public.notes (id int)", [], full.database);
    await expect(apart.create(calling(full.tenant), full)).rejects.toThrow(/carries no mark/);
    await asAdmin(`DROP DATABASE "${full.database}"`);
    await pools.pools.close();
  });

  test("whose address is not known at preview is no fault, and one that is wrong is told with everything else", async () => {
    const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
    const inputs = databaseInputs(tenantId("later"), { server: "rds", ...connectionOf() });
    const later = { ...inputs, connection: unknown as never, connectionPassword: unknown };
    expect(await handler.check(calling(inputs.tenant), undefined, later)).toEqual([]);
    const wrong: DatabaseInputs = {
      ...inputs,
      database: "postgres",
      catalogue: "nowhere",
      extensions: ["Vector; DROP"],
      connectionLimit: 0,
      connection: { host: "", port: 70_000, user: "", ca: "no pem" },
      connectionPassword: undefined,
    };
    const failures = await handler.check(calling(inputs.tenant), undefined, wrong);
    expect(failures.map(({ property }) => property).sort()).toEqual([
      "catalogue",
      "connection.ca",
      "connection.host",
      "connection.port",
      "connection.user",
      "connectionLimit",
      "connectionPassword",
      "database",
      "extensions[0]",
    ]);
    for (const { reason } of failures) expect(reason).toMatch(new RegExp(`^tenant ${inputs.tenant}: `));
    const alone = await handler.check(calling(inputs.tenant), undefined, { ...inputs, connection: undefined });
    expect(alone.map(({ property }) => property).sort()).toEqual(["connectionPassword", "server"]);
    const shared = await handler.check(calling(inputs.tenant), undefined, databaseInputs("x", { database: "tenants" }));
    expect(shared.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/is the shared database of the server main/),
    ]);
  });
});

describe("what the provisioner may not do", () => {
  test("is told with its statements, and the next run goes on once an administrator has run them", async () => {
    const weak = `weak_${tenantId("x").replaceAll("-", "_")}`;
    await asAdmin(`CREATE ROLE ${weak} LOGIN CREATEROLE PASSWORD 'x'; GRANT CONNECT ON DATABASE tenants TO ${weak}`);
    const { connection } = connectionOf();
    if (connection === undefined) throw new Error("the tests' server is described");
    const without = databaseInputs(tenantId("weak"), {
      connection: { ...connection, user: weak },
      connectionPassword: "x",
    });
    await expect(createSilo(deps, without)).rejects.toThrow(
      `has not CREATEDB, which databases of tenants need. The Baseline of the server gives it where the platform names ` +
        `an administrator and a tenant of the server has the tier silo; otherwise an administrator has to run: ` +
        `ALTER ROLE "${weak}" CREATEDB;`,
    );
    expect(await leftovers(without)).toEqual([]);
    await asAdmin(`REVOKE CONNECT ON DATABASE tenants FROM ${weak}; DROP ROLE ${weak}`);

    const bare = withoutAdmin();
    const inputs = databaseInputs(tenantId("bare"));
    const making = () => databaseHandler(bare).create(calling(inputs.tenant), inputs);
    const error = String(await making().catch((reason: unknown) => reason));
    expect(error).toMatch(/- PUBLIC may execute lo_creat\(integer\)/);
    expect(error).not.toMatch(/schema public|schema extensions/);
    await asAdmin(error.split("goes on:\n")[1] ?? "", [], inputs.database);
    const { outputs } = await making();
    expect(await driftOf(bare, inputs, outputs)).toEqual([]);
    await bare.pools.close();
  });
});
