import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SchemaInputs, SchemaOutputs } from "../../../provider/inputs.ts";
import { baselineHandler } from "../../../provider/postgres/baseline.ts";
import { postgresDependencies } from "../../../provider/postgres/dependencies.ts";
import { schemaHandler } from "../../../provider/postgres/schema.ts";
import { services } from "../../support/services.ts";
import {
  asAdmin,
  baselineInputs,
  connect,
  context,
  projectDir,
  schemaInputs,
  stateOf,
  templates,
  tenantId,
  waiver,
} from "./support.ts";

const { main } = services().platform.postgres;
if (main === undefined) throw new Error("the services have a PostgreSQL server");
const application = { user: tenantId("application").replaceAll("-", "_"), password: "planted-application-password" };
const login = application.user;
const server = { ...main, application };
const deps = postgresDependencies({
  platform: { ...services().platform, postgres: { main: server } },
  templates,
  projectDir,
});
const baseline = baselineHandler(deps);
const schemas = schemaHandler(deps);
const told = () => context("main", { type: baseline.type });
const asked = { ...baselineInputs(["vector"]), applicationPassword: application.password };
const provisioner = main.provisioner.user;
const administrator = main.admin?.user ?? "";
const stranger = tenantId("stranger").replaceAll("-", "_");

const outputs = { ...asked, serverVersion: "", extensionVersions: {} };
const update = async () => {
  const heard = told();
  await baseline.update(heard, "main", outputs, asked);
  return heard.warnings;
};
const drift = async () => {
  return (await baseline.read(told(), "main", asked, outputs))?.inputs.drift ?? [];
};

beforeAll(async () => {
  await baseline.create(told(), asked);
  await asAdmin(`CREATE ROLE ${stranger} NOLOGIN; CREATE SCHEMA ${stranger} AUTHORIZATION ${stranger};
    CREATE TABLE ${stranger}.secrets (word text)`);
}, 120_000);
afterAll(async () => {
  await asAdmin(`DROP SCHEMA ${stranger} CASCADE; DROP ROLE ${stranger};
    SET ROLE ${provisioner}; REVOKE ALL ON DATABASE tenants FROM ${login}; DROP ROLE ${login}`);
  await deps.pools.close();
});

describe("the trusted login that the Baseline makes", () => {
  test("it can log in, and can do nothing with no tenant's role", async () => {
    const [role] = await asAdmin(
      `SELECT rolcanlogin, rolinherit, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolconnlimit
       FROM pg_roles WHERE rolname = '${login}'`,
    );
    expect(role).toEqual({
      rolcanlogin: true,
      rolinherit: false,
      rolsuper: false,
      rolbypassrls: false,
      rolcreaterole: false,
      rolcreatedb: false,
      rolreplication: false,
      rolconnlimit: 100,
    });
    const client = await connect(login, application.password);
    try {
      for (const statement of [
        "SELECT FROM platform.tenants",
        "SELECT FROM platform.routes",
        "CREATE TEMP TABLE t ()",
        "CREATE SCHEMA mine",
        "CREATE TABLE public.t ()",
        `SET ROLE ${provisioner}`,
        `SELECT FROM ${stranger}.secrets`,
      ]) {
        expect([statement, await stateOf(client, statement)]).toEqual([statement, "42501"]);
      }
    } finally {
      await client.end();
    }
  });

  test("a second update changes nothing, and no drift is told", async () => {
    expect(await update()).toEqual([]);
    expect(await drift()).toEqual([]);
  });

  const field = "and may have no right of its own";
  const rounds: readonly Readonly<Record<string, string>>[] = [
    {
      [`ALTER ROLE ${login} BYPASSRLS`]: `the role ${login} has BYPASSRLS`,
      [`ALTER ROLE ${login} INHERIT`]: `the role ${login} inherits rights`,
      [`ALTER ROLE ${login} CONNECTION LIMIT 3`]: `the role ${login} has a connection limit of 3, not 100`,
      [`ALTER ROLE ${login} PASSWORD 'changed'`]: `the password of the login ${login} is not the one of the configuration`,
      [`ALTER ROLE ${login} IN DATABASE tenants SET search_path = ${stranger}`]: `the login ${login} has settings in the database: search_path`,
      [`GRANT pg_read_all_data TO ${login}`]: `the role ${login} is a member of pg_read_all_data, no application's role of a tenant or a pool`,
      [`GRANT ${login} TO ${stranger}`]: `the role ${stranger} is a member of ${login}`,
      [`GRANT SELECT ON ${stranger}.secrets TO ${login}`]: `the role ${login} has SELECT on table ${stranger}.secrets, ${field}`,
      [`GRANT USAGE ON SCHEMA platform TO ${login}`]: `the role ${login} has USAGE on schema platform, ${field}`,
      [`GRANT TEMP ON DATABASE tenants TO ${login}`]: `the login ${login} has CONNECT, TEMPORARY on the database, not CONNECT by the provisioner`,
    },
    {
      [`ALTER ROLE ${login} NOLOGIN`]: `the role ${login} may not log in`,
      [`SET ROLE ${provisioner}; REVOKE CONNECT ON DATABASE tenants FROM ${login}`]: `the login ${login} has no right on the database, not CONNECT by the provisioner`,
    },
  ];
  test.each(rounds)("damage from outside is told, each of it, and mended by the next update", async (round) => {
    for (const sql of Object.keys(round)) await asAdmin(sql);
    expect([...(await drift())].sort()).toEqual(Object.values(round).sort());
    await update();
    expect(await drift()).toEqual([]);
  });

  test("what it owns is told and left to a person", async () => {
    await asAdmin(`ALTER TABLE ${stranger}.secrets OWNER TO ${login}`);
    const sentence = `the role ${login} owns table ${stranger}.secrets, ${field}`;
    expect(await drift()).toContain(sentence);
    expect((await update()).filter((warning) => warning.startsWith(sentence))).toHaveLength(1);
    await asAdmin(`ALTER TABLE ${stranger}.secrets OWNER TO ${stranger}`);
    expect(await drift()).toEqual([]);
  });

  test("a lost login is made again", async () => {
    await asAdmin(`SET ROLE ${provisioner}; REVOKE ALL ON DATABASE tenants FROM ${login}; DROP ROLE ${login}`);
    expect(await drift()).toEqual([`the login ${login} is missing`]);
    await baseline.create(told(), asked);
    expect(await drift()).toEqual([]);
  });

  test("without an administrator, what only one may mend is an error with the statements", async () => {
    const { admin: _admin, ...alone } = server;
    const platform = { ...services().platform, postgres: { main: alone } };
    const lone = postgresDependencies({ platform, templates, projectDir });
    await asAdmin(`GRANT pg_read_all_data TO ${login}`);
    try {
      await expect(baselineHandler(lone).create(told(), asked)).rejects.toThrow(
        /only an administrator can mend\. Run this in the database tenants:\nREVOKE "pg_read_all_data" FROM "application_/,
      );
    } finally {
      await lone.pools.close();
      await update();
    }
  });

  test("a login that is the server's provisioner too is refused at preview", async () => {
    const platform = { ...services().platform, postgres: { main: { ...main, application: main.provisioner } } };
    const twice = postgresDependencies({ platform, templates, projectDir });
    expect(await baselineHandler(twice).check(told(), undefined, asked)).toEqual([
      {
        property: "applicationPassword",
        reason: `the login ${provisioner} is the server's provisioner too: application needs one of its own`,
      },
    ]);
  });
});

describe("a tenant's application role and the trusted login", () => {
  const inputs: SchemaInputs = schemaInputs(tenantId("trusted"), { application: login });
  const other: SchemaInputs = schemaInputs(tenantId("closed"), { application: undefined });
  const { schema, appRole, readOnlyRole, ownerRole } = inputs;
  let outputs: SchemaOutputs;

  beforeAll(async () => {
    outputs = (await schemas.create(context(inputs.tenant), inputs)).outputs;
    await schemas.create(context(other.tenant), other);
  }, 60_000);

  const change = async (over: Partial<SchemaInputs>) => {
    outputs = await schemas.update(context(inputs.tenant), schema, outputs, { ...inputs, ...over });
  };
  const differing = async (over: Partial<SchemaInputs> = {}) =>
    (await schemas.read(context(inputs.tenant), schema, { ...inputs, ...over }, outputs))?.inputs.drift ?? [];
  const attempts = async (...statements: string[]) => {
    const client = await connect(login, application.password);
    try {
      const states: string[] = [];
      for (const statement of statements) states.push(await stateOf(client, statement));
      return states;
    } finally {
      await client.end();
    }
  };
  const read = `SELECT FROM ${schema}.graph_entities`;

  test("it reads a tenant's tables as its role, and not without; no other role of the tenant, and no other tenant's", async () => {
    expect(
      await attempts(
        read,
        `SET ROLE ${readOnlyRole}`,
        `SET ROLE ${ownerRole}`,
        `SET ROLE ${other.appRole}`,
        `SET ROLE ${appRole}`,
        read,
        "RESET ROLE",
        read,
      ),
    ).toEqual(["42501", "42501", "42501", "42501", "done", "done", "done", "42501"]);
    expect(await differing()).toEqual([]);
  });

  const wrong: Record<string, { readonly sql: string; readonly told: readonly string[] }> = {
    "no membership": {
      sql: `SET ROLE ${provisioner}; REVOKE ${appRole} FROM ${login}`,
      told: [`the login ${login} may not take the role ${appRole}`],
    },
    "a membership that inherits": {
      sql: `SET ROLE ${provisioner}; GRANT ${appRole} TO ${login} WITH INHERIT TRUE`,
      told: [
        `the role ${login} is a member of ${appRole} with INHERIT and SET, granted by ${provisioner}`,
        `the login ${login} may not take the role ${appRole}`,
      ],
    },
    "a membership that may be handed on": {
      sql: `SET ROLE ${provisioner}; GRANT ${appRole} TO ${login} WITH ADMIN TRUE; RESET ROLE;
            GRANT ${appRole} TO ${stranger} GRANTED BY ${login}`,
      told: [
        `the role ${login} is a member of ${appRole} with ADMIN and SET, granted by ${provisioner}`,
        `the role ${stranger} is a member of ${appRole}`,
        `the login ${login} may not take the role ${appRole}`,
      ],
    },
    "a second membership by another, and one of the tenant's other role": {
      sql: `GRANT ${appRole} TO ${login}; SET ROLE ${provisioner}; GRANT ${readOnlyRole} TO ${login}`,
      told: [
        `the role ${login} is a member of ${appRole} with SET alone, granted by ${administrator}`,
        `the role ${login} is a member of ${readOnlyRole}`,
      ],
    },
  };
  test.each(Object.entries(wrong))("%s is told, and mended by the next update", async (_name, damage) => {
    await asAdmin(damage.sql);
    expect([...(await differing())].sort()).toEqual([...damage.told].sort());
    await change({});
    expect(await differing()).toEqual([]);
    expect(await attempts(read, `SET ROLE ${appRole}`)).toEqual(["42501", "done"]);
  });

  test.each(["suspended", "offboarding"] as const)(
    "a tenant that is %s is out of its reach, until it is active",
    async (state) => {
      await change({ state });
      expect(await attempts(`SET ROLE ${appRole}`)).toEqual(["42501"]);
      expect(await differing({ state })).toEqual([]);
      await asAdmin(`SET ROLE ${provisioner}; GRANT ${appRole} TO ${login} WITH INHERIT FALSE`);
      expect(await differing({ state })).toEqual([`the role ${login} is a member of ${appRole}`]);
      await change({});
      expect(await attempts(`SET ROLE ${appRole}`, read)).toEqual(["done", "done"]);
    },
  );

  test("a platform that names no trusted login any more takes its roles from it", async () => {
    await change({ application: undefined });
    expect(await attempts(`SET ROLE ${appRole}`)).toEqual(["42501"]);
    await change({});
    expect(await attempts(`SET ROLE ${appRole}`)).toEqual(["done"]);
  });

  test("a tenant is removed also where somebody gave its role to the login again", async () => {
    await change({ state: "offboarding", backupWaiver: waiver });
    await asAdmin(`SET ROLE ${provisioner}; GRANT ${appRole} TO ${login} WITH ADMIN TRUE; RESET ROLE;
      GRANT ${appRole} TO ${stranger} GRANTED BY ${login}`);
    await schemas.delete(context(inputs.tenant), schema, outputs);
    expect(await asAdmin(`SELECT rolname FROM pg_roles WHERE rolname LIKE '${schema}%'`)).toEqual([]);
    expect(await drift()).toEqual([]);
  });

  test("a login that is one of the tenant's own roles is refused at preview", async () => {
    const failures = await schemas.check(context(inputs.tenant), undefined, { ...inputs, application: appRole });
    expect(failures).toEqual([
      { property: "application", reason: `tenant ${inputs.tenant}: "${appRole}" is a tenant's own role` },
    ]);
  });
});
