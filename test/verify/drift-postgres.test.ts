import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postgresNames } from "../../components/naming.ts";
import type { Session } from "../../provider/postgres/pool.ts";
import type { PostgresServer } from "../../provider/config.ts";
import { crossSchema, crossStatements, schemasIn } from "../../verify/drift-postgres.ts";
import { canaryOf, isCanary, removalOf } from "../../verify/drift-report.ts";
import { expiryOf, newCanaryId } from "../../verify/canary/id.ts";
import { knownNames, type Orphan } from "../../verify/orphans/orphan.ts";
import { postgresOrphans } from "../../verify/orphans/postgres.ts";
import { scratchName } from "../../provider/postgres/database-make.ts";
import {
  connectionOf,
  createSilo,
  databaseInputs,
  dropDatabases,
  siloBaseline,
} from "../provider/postgres/database-support.ts";
import { joinPool, makePool, poolDependencies } from "../provider/postgres/pool-tenant-support.ts";
import { asAdmin, baseline, createTenant, dependencies, schemaInputs, tenantId } from "../provider/postgres/support.ts";
import { services } from "../support/services.ts";

const deps = dependencies();
const server = mainServer();
function mainServer(): PostgresServer {
  const { main } = services().platform.postgres;
  if (main === undefined) throw new Error("the services have a PostgreSQL server");
  return main;
}
const [a, b] = [schemaInputs(tenantId("a")), schemaInputs(tenantId("b"))];
const login = tenantId("spy").replaceAll("-", "_");
const prefix = `x${login.slice(-8)}`;

beforeAll(async () => {
  await baseline(deps);
  await createTenant(deps, a);
  await createTenant(deps, b);
}, 120_000);
afterAll(async () => {
  await asAdmin(`DROP OWNED BY ${login}; DROP ROLE ${login}`);
  await asAdmin(`DROP SCHEMA IF EXISTS ${prefix}_gone CASCADE; DROP ROLE IF EXISTS ${prefix}_gone_app`);
  await dropDatabases();
  await deps.pools.close();
});

const search = (tenants: { prefix: string; id: string }[], origin = { project: "tenancy", stack: "test" }) =>
  postgresOrphans({ name: "main", server, tenants, prefixes: ["tenant", prefix], origin });
const namesOf = (orphans: readonly Orphan[], kind: string) =>
  orphans.filter((orphan) => orphan.kind === kind).map(({ name }) => name);

describe("orphans of PostgreSQL", () => {
  test("a known tenant has none, and an unknown one is told with its schema, its roles and its entry", async () => {
    const { orphans, incomplete } = await search([{ prefix: "tenant", id: a.tenant }]);
    expect(incomplete).toEqual([]);
    const mine = orphans.filter(({ name }) => name.includes(a.schema) || name === a.tenant);
    expect(mine).toEqual([]);
    expect(namesOf(orphans, "schema")).toContain(b.schema);
    expect(namesOf(orphans, "role")).toEqual(expect.arrayContaining([b.ownerRole, b.appRole, b.readOnlyRole]));
    const entry = orphans.find(({ kind, name }) => kind === "catalogue entry" && name === b.tenant);
    expect(entry).toMatchObject({
      store: "postgres",
      server: "main",
      detail: `ready, of the stack tenancy/test, schema ${b.schema}, and no tenant that is known`,
    });
    const schema = orphans.find(({ name, kind }) => kind === "schema" && name === b.schema);
    expect(schema?.detail).toMatch(
      new RegExp(
        `^2 tables, about \\d+ kB, owner ${b.ownerRole}; marked as tenant ${b.tenant} of the stack tenancy/test; ` +
          `catalogue entry ${b.tenant} is ready$`,
      ),
    );
  });

  test("what another stack has in the catalogue is no orphan of this one", async () => {
    const { orphans } = await search([], { project: "tenancy", stack: "another" });
    const names = [a.schema, a.ownerRole, a.appRole, a.readOnlyRole, a.tenant];
    expect(orphans.filter(({ name }) => names.includes(name))).toEqual([]);
  });

  test("a known silo has none, an unknown one is told with its database and roles, and what is unfinished, too", async () => {
    const [mine, other, apart] = [tenantId("silo"), tenantId("stray"), tenantId("apart")].map((id) =>
      databaseInputs(id),
    );
    if (mine === undefined || other === undefined || apart === undefined) throw new Error("three tenants are made");
    await siloBaseline(deps);
    for (const inputs of [mine, other]) await createSilo(deps, inputs);
    // Lies on a server that this one's catalogue only knows the name of.
    await createSilo(deps, { ...apart, server: "rds", ...connectionOf(), catalogue: "main" });
    await asAdmin(`DROP DATABASE "${apart.database}"`);
    const unfinished = scratchName(`urn of ${login}`);
    await asAdmin(`CREATE DATABASE "${unfinished}" TEMPLATE template0 ALLOW_CONNECTIONS false`);
    await asAdmin(`CREATE DATABASE "${prefix}_stray" TEMPLATE template0`);
    const known = [a, b, mine, apart].map(({ tenant }) => ({ prefix: "tenant", id: tenant }));
    const { orphans } = await search(known);
    const of = (inputs: { schema: string; tenant: string }) =>
      orphans.filter(({ name }) => name.startsWith(inputs.schema) || name === inputs.tenant);
    expect([...of(mine), ...of(apart)]).toEqual([]);
    expect(of(other).map(({ kind, name }) => [kind, name])).toEqual([
      ["catalogue entry", other.tenant],
      ["database", other.database],
      ...[other.appRole, other.ownerRole, other.readOnlyRole].map((name) => ["role", name]),
    ]);
    const detail = (name: string) => orphans.find((orphan) => orphan.name === name)?.detail;
    expect(detail(other.database)).toMatch(
      new RegExp(`^owner \\S+; about \\d+ kB; marked as tenant ${other.tenant} of the stack tenancy/test$`),
    );
    expect(detail(`${prefix}_stray`)).toMatch(/; no mark$/);
    expect(detail(unfinished)).toMatch(/; of a run that was killed while it made a tenant's database/);
    expect(orphans.filter(({ kind, name }) => kind === "database" && name === "postgres")).toEqual([]);
    const others = await search([], { project: "tenancy", stack: "another" });
    expect(others.orphans.map(({ name }) => name)).not.toContain(other.database);
    await asAdmin(`DROP DATABASE "${unfinished}"`);
    await asAdmin(`DROP DATABASE "${prefix}_stray"`);
  });

  test("a member that no tenant is, and the schema and roles of a pool that the state does not know, are told", async () => {
    const poolDeps = poolDependencies();
    const pool = await makePool(poolDeps);
    const [kept, lost] = [pool.tenant("kept"), pool.tenant("lost")];
    await joinPool(poolDeps, kept);
    await joinPool(poolDeps, lost);
    await poolDeps.pools.close();
    const common = { name: "main", server, tenants: [{ prefix: "tenant", id: kept.tenant }], prefixes: ["tenant"] };
    const known = await postgresOrphans({ ...common, pools: [kept.schema] });
    expect(known.incomplete).toEqual([]);
    const members = known.orphans.filter(({ kind, name }) => kind === "pool member" && name.startsWith(kept.schema));
    expect(members).toEqual([
      {
        ...{ store: "postgres", server: "main", kind: "pool member", name: `${kept.schema}/${lost.tenant}` },
        detail: `active, logins ${lost.appRole}, ${lost.readOnlyRole}; marked as tenant ${lost.tenant} of the stack tenancy/test`,
      },
    ]);
    expect(members.map(isCanary)).toEqual([false]);
    expect(namesOf(known.orphans, "role")).not.toContain(kept.ownerRole);

    const unknown = await postgresOrphans({ ...common, tenants: [] });
    expect(namesOf(unknown.orphans, "schema")).toContain(kept.schema);
    expect(namesOf(unknown.orphans, "role")).toEqual(
      expect.arrayContaining([kept.ownerRole, kept.poolAppRole, kept.poolReadOnlyRole, kept.appRole]),
    );
    // Another stack's pool is the other stack's, roles included.
    const others = await postgresOrphans({ ...common, tenants: [], origin: { project: "other", stack: "stack" } });
    expect(namesOf(others.orphans, "schema")).not.toContain(kept.schema);
    expect(namesOf(others.orphans, "role")).not.toContain(kept.ownerRole);
  });

  test("a pool, its roles and its tenants' logins are no orphans while a tenant or the stack knows them", async () => {
    const poolDeps = poolDependencies();
    const pool = await makePool(poolDeps);
    const tenant = pool.tenant("pooled");
    await joinPool(poolDeps, tenant);
    await poolDeps.pools.close();
    await asAdmin("UPDATE platform.tenants SET tier = 'pool', prefix = 'tenant' WHERE id = $1", [tenant.tenant]);
    const names = [tenant.schema, tenant.ownerRole, tenant.poolAppRole, tenant.appRole, tenant.readOnlyRole];
    const of = ({ orphans }: { readonly orphans: readonly Orphan[] }) =>
      orphans.filter(({ name }) => names.includes(name) || name === tenant.tenant).map(({ name }) => name);
    expect(of(await search([{ prefix: "tenant", id: tenant.tenant }]))).toEqual([]);
    expect(of(await search([], { project: "tenancy", stack: "another" }))).toEqual([]);
    expect(of(await search([]))).toEqual([
      ...[tenant.tenant, tenant.poolAppRole, tenant.ownerRole, tenant.appRole, tenant.readOnlyRole, tenant.schema],
    ]);
    const empty = postgresOrphans({ name: "main", server, tenants: [], pools: [tenant.schema], prefixes: ["tenant"] });
    expect(of(await empty)).toEqual([tenant.tenant, tenant.appRole, tenant.readOnlyRole]);
  });

  test("a schema without a mark, a role without a schema, a login that connects and a lost schema are told", async () => {
    await asAdmin(`CREATE SCHEMA ${prefix}_gone; CREATE ROLE ${prefix}_gone_app NOLOGIN; CREATE ROLE ${login} LOGIN;
      GRANT CONNECT ON DATABASE tenants TO ${login}`);
    const lost = schemaInputs(tenantId("lost"));
    await createTenant(deps, lost);
    await asAdmin(`DROP SCHEMA "${lost.schema}" CASCADE`);
    const known = [a, b, lost].map(({ tenant }) => ({ prefix: "tenant", id: tenant }));
    const { orphans } = await search(known);
    const detail = (name: string) => orphans.find((orphan) => orphan.name === name)?.detail;
    expect(detail(`${prefix}_gone`)).toMatch(/^0 tables, about 0 kB, owner \S+; no mark; no catalogue entry$/);
    expect(detail(`${prefix}_gone_app`)).toBe("may not log in");
    expect(detail(login)).toBe("may log in, may connect to the shared database; a login that no tenant has");
    expect(detail(lost.tenant)).toBe(`ready, and its schema ${lost.schema} is not there`);
    expect(orphans.some(({ name }) => name === a.schema || name === server.provisioner.user)).toBe(false);
  });

  test("a canary is known by its name and its expiry, and gets no statement that removes it", () => {
    const id = newCanaryId(Date.parse("2030-01-02T03:04:00Z"));
    const { postgres, redis, storage } = knownNames([{ prefix: "canary", id }]);
    const names = [
      postgres[0]?.schema,
      postgres[0]?.appRole,
      redis[0]?.username,
      storage[0]?.prefix,
      storage[0]?.username,
    ];
    for (const name of names) {
      const orphan: Orphan = { store: "redis", server: "main", kind: "keys", name: name ?? "", detail: "" };
      expect(canaryOf(orphan)).toBe(id);
      expect(new Date(expiryOf(canaryOf(orphan) ?? "")).toISOString()).toBe("2030-01-02T03:04:00.000Z");
    }
    for (const name of ["tenant_canary", "canary_x", a.schema, `tenant:${id}`]) {
      expect(isCanary({ store: "redis", server: "main", kind: "schema", name, detail: "" })).toBe(false);
    }
    expect(removalOf({ store: "postgres", server: "main", kind: "schema", name: 'x"y', detail: "" })).toEqual([
      'DROP SCHEMA "x""y" CASCADE;  -- deletes its rows: back them up first',
    ]);
  });
});

describe("ties between schemas", () => {
  const schemas = [a.schema, b.schema];

  test("a foreign key and a view across two tenants are told, and nothing where there is none", async () => {
    const before = await crossSchema("main", server, schemas);
    expect(before.findings).toEqual([]);
    await asAdmin(`ALTER TABLE ${a.schema}.graph_relations ADD CONSTRAINT tie FOREIGN KEY (source_id)
      REFERENCES ${b.schema}.graph_entities (id); CREATE VIEW ${a.schema}.peek AS SELECT id FROM ${b.schema}.graph_entities`);
    const { findings } = await crossSchema("main", server, schemas);
    expect(findings.map(({ sentence, mend }) => [sentence, mend])).toEqual([
      [`the foreign key tie: ${a.schema}.graph_relations references ${b.schema}.graph_entities`, "by hand"],
      [`the view ${a.schema}.peek reads ${b.schema}.graph_entities`, "by hand"],
    ]);
    expect(findings[0]?.statements).toEqual([`ALTER TABLE "${a.schema}"."graph_relations" DROP CONSTRAINT "tie";`]);
    await asAdmin(`DROP VIEW ${a.schema}.peek; ALTER TABLE ${a.schema}.graph_relations DROP CONSTRAINT tie`);
  });

  test("a server without pg_stat_statements says that statements are not seen", async () => {
    const { notes } = await crossSchema("main", server, schemas);
    expect(notes).toEqual([
      "PostgreSQL server main: statements that touch several tenants' schemas are not seen: " +
        "the extension pg_stat_statements is not in the database",
    ]);
  });

  test("a statement that touches two schemas is told by its number, and its text is not", async () => {
    const rows = [
      { id: "7", login: "app", calls: "3", text: `SELECT secret FROM ${a.schema}.t, ${b.schema}.t` },
      { id: "8", login: "app", calls: "9", text: `SELECT 1 FROM ${a.schema}.t` },
    ];
    const answer = (text: string) => (text.includes("pg_extension") ? [{ schema: "extensions" }] : rows);
    const session: Session = {
      query: <R extends object>(text: string) => Promise.resolve(answer(text) as unknown as R[]),
      script: () => Promise.resolve(),
    };
    const { findings, notes } = await crossStatements(session, "main", schemas);
    expect(notes).toEqual([]);
    const [first, second] = [...schemas].sort();
    expect(findings).toEqual([
      {
        field: "statement 7 of app",
        is: `touches ${first} and ${second} (3 calls)`,
        should: "one schema",
        sentence: `the statement 7 of app touches ${first} and ${second}`,
        mend: "by hand",
        statements: ['SELECT query FROM "extensions".pg_stat_statements WHERE queryid = 7;'],
      },
    ]);
  });

  test("an extension that was not loaded by the server is told as such", async () => {
    const session: Session = {
      query: <R extends object>(text: string) =>
        text.includes("pg_extension")
          ? Promise.resolve([{ schema: "public" }] as unknown as R[])
          : Promise.reject(new Error("must be loaded via shared_preload_libraries")),
      script: () => Promise.resolve(),
    };
    expect((await crossStatements(session, "main", schemas)).notes).toEqual([
      "PostgreSQL server main: statements that touch several tenants' schemas are not seen: " +
        "must be loaded via shared_preload_libraries",
    ]);
  });

  test.each([
    [`SELECT * FROM ${a.schema}.t JOIN "${b.schema}"."t" USING (id)`, [a.schema, b.schema]],
    [`SELECT * FROM ${a.schema.toUpperCase()} . t`, [a.schema]],
    [`SELECT ${a.schema}2.x, x.${b.schema} FROM t`, []],
    [`SELECT '${a.schema}'`, []],
  ])("the schemas of %s are found", (text, found) => {
    expect(schemasIn(text, new Set(schemas))).toEqual([...found].sort());
    expect(postgresNames("tenant", a.tenant).schema).toBe(a.schema);
  });
});
