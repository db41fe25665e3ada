import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Controls } from "../../verify/assault.ts";
import { aims, type Attempt, ProbeError } from "../../verify/attempt.ts";
import { recipes } from "../../verify/postgres/attempts/index.ts";
import { poolRecipes } from "../../verify/postgres/attempts/pool/index.ts";
import { siloRecipes } from "../../verify/postgres/attempts/silo.ts";
import { postgresProbe } from "../../verify/postgres/probe.ts";
import { attack, type Ground, startGround, type Tenant } from "./postgres-support.ts";

let ground: Ground;
let acme: Tenant;
let sibling: Tenant;
let bare: Tenant;
let canary: Tenant;
const probe = postgresProbe();

beforeAll(async () => {
  ground = await startGround();
  acme = await ground.provision("acme", "knowledge-graph");
  sibling = await ground.provision("acme2", "ekn");
  bare = await ground.provision("bare", "knowledge-graph");
  await ground.admin(
    `DROP TABLE tenant_bare.graph_entities, tenant_bare.graph_relations; DROP FUNCTION tenant_bare.touch_updated_at()`,
  );
  canary = await ground.provision(`abcde-${randomBytes(4).toString("hex")}`, "canary");
  await probe.furnish(canary);
});
afterAll(() => ground.end());

const connectionsOf = async ({ postgres: { names } }: Tenant): Promise<number> => {
  const [row] = await ground.admin(
    `SELECT count(*)::int AS count FROM pg_stat_activity WHERE usename IN ('${names.appRole}', '${names.readOnlyRole}')`,
  );
  return Number(row?.count);
};

/** All that attempts could have changed and left: roles, rights, names, comments, settings, rows. */
const everything = () =>
  ground.admin(
    `SELECT (SELECT json_agg(r ORDER BY rolname) FROM pg_authid r) AS roles,
      (SELECT json_agg(m ORDER BY oid) FROM pg_auth_members m) AS members,
      (SELECT json_agg(n ORDER BY oid) FROM pg_namespace n) AS schemas,
      (SELECT json_agg(json_build_array(oid, relname, relowner, relacl, relrowsecurity, relfilenode) ORDER BY oid)
        FROM pg_class WHERE relnamespace >= 16384) AS relations,
      (SELECT json_agg(json_build_array(oid, proname, proacl) ORDER BY oid) FROM pg_proc) AS functions,
      (SELECT json_agg(d ORDER BY oid) FROM pg_default_acl d) AS defaults,
      (SELECT json_agg(s ORDER BY setdatabase, setrole) FROM pg_db_role_setting s) AS settings,
      (SELECT json_agg(d ORDER BY objoid, objsubid) FROM pg_description d WHERE objoid >= 16384) AS comments,
      (SELECT json_agg(json_build_array(datname, datdba, datacl) ORDER BY oid) FROM pg_database) AS databases,
      (SELECT count(*) FROM pg_largeobject_metadata) AS objects,
      (SELECT json_agg(c) FROM ${canary.postgres.names.schema}.canary_records c) AS rows`,
  );

describe("the catalogue", () => {
  test("has at least 140 attempts of every aim, each with an id of its own and all that a reader needs", () => {
    const { attempts } = probe;
    expect(attempts.length).toBeGreaterThanOrEqual(140);
    expect(new Set(attempts.map(({ id }) => id)).size).toBe(attempts.length);
    expect(new Set(attempts.map(({ aim }) => aim))).toEqual(new Set(aims));
    for (const { id, how, tries, why, source, expected } of attempts) {
      expect(id).toMatch(/^postgres\/[a-z]+(-[a-z]+)*$/);
      expect([id, /nothing_of_this_kind|undefined|"/.test(how)]).toEqual([id, false]);
      expect([id, tries]).toEqual([id, expect.stringMatching(/^[a-z].*[a-z)A-Z_]$/)]);
      expect([id, why]).toEqual([id, expect.stringMatching(/^.{15,}\.$/)]);
      expect([id, source]).toEqual([id, expect.stringMatching(/^https:\/\/(www\.postgresql|nvd\.nist)\./)]);
      for (const code of expected) expect([id, code]).toEqual([id, expect.stringMatching(/^([0-9A-Z]{5}|nothing)$/)]);
    }
  });

  test("asks before it does what everyone would feel, and rolls everything else back", () => {
    const server = recipes.filter(({ harm }) => harm === "server");
    expect(server.filter(({ dry }) => dry === undefined)).toEqual([]);
    expect(server.length).toBeGreaterThanOrEqual(10);
    // What cannot be rolled back is only tried after the question whether it would work was answered with no.
    expect(recipes.filter(({ alone, harm }) => alone === true && harm !== "server")).toEqual([]);
  });
});

describe("an intact server", () => {
  test.each([
    ["a tenant", () => acme],
    ["a tenant of another template", () => sibling],
    ["a tenant without a table", () => bare],
  ])(
    "denies %s everything against a canary, and the controls prove that it could be allowed",
    async (_name, attacker) => {
      const results = await attack(probe, attacker(), canary);
      expect(results).toHaveLength(probe.attempts.length - siloRecipes.length - poolRecipes.length);
      expect(results.filter(({ verdict }) => verdict !== "denied as expected")).toEqual([]);
      expect(results.filter(({ control }) => control?.kind !== "proven")).toEqual([]);
    },
  );

  test.each([
    ["a tenant", () => acme],
    ["a tenant of another template", () => sibling],
    ["a tenant without a table", () => bare],
  ])("denies the canary everything against %s, and nothing that could do harm is tried", async (_name, victim) => {
    const results = await attack(probe, canary, victim());
    const made = results.filter(({ verdict }) => verdict !== "not made");
    expect(made.length).toBeGreaterThanOrEqual(90);
    expect(made.filter(({ attempt }) => attempt.harm !== "none")).toEqual([]);
    expect(made.filter(({ verdict }) => verdict !== "denied as expected")).toEqual([]);
    expect(made.filter(({ control }) => control?.kind !== "proven")).toEqual([]);
  });

  test("is the same afterwards: nothing that was tried, or proven by an administrator, is left", async () => {
    const before = await everything();
    const fresh = postgresProbe({ keep: 0 });
    await attack(fresh, acme, canary);
    await fresh.furnish(canary);
    expect(await everything()).toEqual(before);
  });

  test("denies while the victim holds its tables locked, without waiting for them", async () => {
    const controls = new Controls(probe, canary);
    await attack(probe, acme, canary, controls);
    await ground.admin(`BEGIN; LOCK TABLE ${canary.postgres.names.schema}.canary_records IN ACCESS EXCLUSIVE MODE`);
    try {
      const results = await attack(probe, acme, canary, controls);
      expect(results.filter(({ verdict }) => verdict !== "denied as expected")).toEqual([]);
    } finally {
      await ground.admin("ROLLBACK");
      await controls.close();
    }
  });

  test.each([
    ["names no administrator", () => undefined],
    ["names one who is no superuser, as managed services have", () => ({ user: "manager", password: "of a service" })],
  ])("gives the same verdicts where the platform %s", async (_name, admin) => {
    await ground.admin(
      `DROP ROLE IF EXISTS manager; CREATE ROLE manager LOGIN CREATEROLE CREATEDB PASSWORD 'of a service' IN ROLE pg_monitor;
       GRANT CONNECT ON DATABASE tenants TO manager`,
    );
    const without = (tenant: Tenant): Tenant => ({
      ...tenant,
      postgres: { ...tenant.postgres, server: { ...ground.server, admin: admin() } },
    });
    const results = await attack(postgresProbe({ keep: 0 }), without(acme), without(canary));
    await ground.admin("REVOKE CONNECT ON DATABASE tenants FROM manager; DROP ROLE manager");
    expect(results.filter(({ verdict }) => verdict !== "denied as expected")).toEqual([]);
    const kinds = new Set(results.map(({ attempt, control }) => `${attempt.control}: ${control?.kind ?? ""}`));
    expect(kinds).toEqual(new Set(["victim: proven", "administrator: impossible"]));
  });
});

describe("connections", () => {
  test("are one a login however many sessions there are, and end when nobody uses them", async () => {
    const fresh = postgresProbe({ keep: 0 });
    const sessions = await Promise.all([fresh.open(acme), fresh.open(acme), fresh.open(acme)]);
    await sleep(1_100);
    const select = attemptOf("select");
    await Promise.all(sessions.map((session) => session.attempt(select, canary, "real")));
    expect(await connectionsOf(acme)).toBe(2);
    await Promise.all(sessions.map((session) => session.close()));
    for (let count = 0; count < 100 && (await connectionsOf(acme)) > 0; count += 1) await sleep(50);
    expect(await connectionsOf(acme)).toBe(0);
  });

  test("of a login that does not get in are an error with the tenant's id and without the password", async () => {
    const wrong: Tenant = { ...acme, postgres: { ...acme.postgres, readOnlyPassword: "a-wrong-password" } };
    const error = await probe.open(wrong).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ProbeError);
    expect(String(error)).toMatch(/tenant acme: the login tenant_acme_ro does not get in .*28P01/);
    expect(String(error)).not.toContain("a-wrong-password");
  });

  test("that were ended from outside are made anew", async () => {
    const session = await probe.open(acme);
    await ground.admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tenant_acme_app'");
    const outcome = await session.attempt(attemptOf("select"), canary, "real");
    await session.close();
    expect(outcome).toEqual({ kind: "denied", code: "42501" });
  });

  test("leave no setting, role or transaction of one attempt to the next", async () => {
    const session = await probe.open(canary);
    // Controls: each of them works, and has to be undone.
    for (const id of ["search-path", "lock-table", "select-for-update"]) {
      expect(await session.attempt(attemptOf(id), canary, "real")).toMatchObject({ kind: "allowed" });
    }
    const { server, names, password } = canary.postgres;
    const { host, port, database, ca } = server;
    const client = new pg.Client({ host, port, database, user: names.appRole, password, ssl: { ca } });
    await client.connect();
    const { rows } = await client.query<{ state: string; locks: number }>(
      "SELECT state, (SELECT count(*)::int FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'relation') AS locks " +
        "FROM pg_stat_activity a WHERE usename = current_user AND application_name = 'tenancy verify'",
    );
    await client.end();
    await session.close();
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter(({ state, locks }) => state !== "idle" || locks !== 0)).toEqual([]);
  });
});

describe("what stays visible", () => {
  const grown = async (attacker: Tenant, victim: Tenant): Promise<string[]> => {
    const known = new Set(probe.residue.map(({ place }) => place));
    return (await probe.visible(attacker, victim)).filter((place) => !known.has(place));
  };

  test("is the list in the documents and nothing else", async () => {
    const seen = await probe.visible(acme, canary);
    expect(seen).toEqual(
      expect.arrayContaining(["pg_catalog.pg_namespace", "pg_catalog.pg_enum", "pg_catalog.pg_policy"]),
    );
    expect(seen.length).toBeGreaterThanOrEqual(35);
    expect(await grown(acme, canary)).toEqual([]);
    expect(await grown(canary, acme)).toEqual([]);
    const page = readFileSync(new URL("../../docs/postgresql.md", import.meta.url), "utf8");
    const section = page.slice(page.indexOf("## What stays visible, by design"), page.indexOf("So: use opaque ids"));
    const missing = probe.residue.filter(({ place }) => !section.includes(place.replace("pg_catalog.", "")));
    expect(missing).toEqual([]);
    expect(new Set(probe.residue.map(({ document }) => document))).toEqual(
      new Set(["docs/postgresql.md#what-stays-visible-by-design"]),
    );
  });

  test("has grown where an extension, or anyone, brings a view that shows another tenant's names", async () => {
    await ground.admin(
      `CREATE VIEW extensions.everyone AS SELECT schema_name FROM platform.tenants;
       GRANT SELECT ON extensions.everyone TO PUBLIC`,
    );
    expect(await grown(sibling, acme)).toEqual(["extensions.everyone"]);
    await ground.admin("CREATE OR REPLACE VIEW extensions.everyone AS SELECT 'tenant_acme2_app'::text AS schema_name");
    expect(await grown(bare, sibling)).toEqual(["extensions.everyone"]);
    // The name of another tenant that only begins like the victim's.
    expect(await grown(bare, acme)).toEqual([]);
    await ground.admin("DROP VIEW extensions.everyone");
  });

  test("has not grown by a view that refuses to answer", async () => {
    await ground.admin("CREATE EXTENSION pg_stat_statements SCHEMA extensions");
    expect(await grown(acme, canary)).toEqual([]);
    await ground.admin("DROP EXTENSION pg_stat_statements");
  });
});

function attemptOf(id: string): Attempt {
  const attempt = probe.attempts.find((one) => one.id === `postgres/${id}`);
  if (attempt === undefined) throw new Error(`no attempt ${id}`);
  return attempt;
}
