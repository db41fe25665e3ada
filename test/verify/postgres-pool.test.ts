/** Attempts between members of a pool, from outside of it, and what they find once something of it is broken. */
import { randomBytes } from "node:crypto";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { poolRecipes } from "../../verify/postgres/attempts/pool/index.ts";
import { postgresProbe } from "../../verify/postgres/probe.ts";
import { attack, type Ground, idsOf, startGround, type Tenant } from "./postgres-support.ts";

const root = resolve(import.meta.dirname, "../..");
const builtIn = ["glyph-foundry", "kato"];
let templates: string;
let ground: Ground;
let acme: Tenant;
let beta: Tenant;
let bridge: Tenant;
let canary: Tenant;
const probe = postgresProbe();

beforeAll(async () => {
  templates = await mkdtemp(join(tmpdir(), "tenancy-templates-"));
  await cp(join(root, "test/verify/fixture/shelf"), join(templates, "shelf"), { recursive: true });
  for (const name of ["knowledge-graph", ...builtIn]) {
    await cp(join(root, "templates", name), join(templates, name), { recursive: true });
  }
  ground = await startGround(templates);
  const member = await ground.providePool("shelf", "shelf");
  acme = await member("acme");
  beta = await member("beta");
  bridge = await ground.provision("bridge", "knowledge-graph");
  canary = await member(`abcde-${randomBytes(4).toString("hex")}`, true);
  await probe.furnish(canary);
});
afterAll(async () => {
  await ground.end();
  await rm(templates, { recursive: true, force: true });
});

/** With new connections, and what is known of the tables looked up anew. */
const attackCanary = () => attack(postgresProbe({ keep: 0 }), acme, canary);

interface Damage {
  readonly name: string;
  readonly damage: () => string;
  readonly repair: () => string;
  /** Ids, without the store, of attempts that are a LEAK. */
  readonly found: readonly string[];
  /** Of those that prove nothing any more, since what they need is broken for everybody. */
  readonly unproven?: readonly string[];
}

const damages: readonly Damage[] = [
  {
    name: "row-level security of a table is off",
    damage: () => "ALTER TABLE pool_shelf.notes DISABLE ROW LEVEL SECURITY",
    repair: () => "ALTER TABLE pool_shelf.notes ENABLE ROW LEVEL SECURITY",
    found: [
      "pool-cast-error",
      "pool-copy-in",
      "pool-copy-out",
      "pool-ctid",
      "pool-cursor",
      "pool-division-by-zero",
      "pool-insert",
      "pool-insert-on-conflict",
      "pool-move",
      "pool-prepared",
      "pool-select",
      "pool-select-for-key-share",
      "pool-select-for-update",
      "pool-select-read-only",
      "pool-set",
      "pool-set-config",
      "pool-set-local",
      "pool-set-malformed",
      "pool-set-read-only",
      "pool-startup-options",
      "pool-take",
      "pool-trusted-carried-over",
      "pool-trusted-malformed",
      "pool-trusted-other",
      "pool-trusted-other-write",
      "pool-trusted-unset",
      "pool-trusted-unset-write",
      "pool-unprotected-tables",
      "pool-view",
    ],
  },
  {
    name: "row-level security is not forced, and a member's login owns a table",
    damage: () =>
      `ALTER TABLE pool_shelf.notes NO FORCE ROW LEVEL SECURITY; ALTER TABLE pool_shelf.notes OWNER TO ${acme.postgres.names.appRole}`,
    repair: () =>
      `ALTER TABLE pool_shelf.notes OWNER TO pool_shelf_owner; ALTER TABLE pool_shelf.notes FORCE ROW LEVEL SECURITY`,
    found: [
      "pool-add-policy",
      "pool-alter-policy",
      "pool-cast-error",
      "pool-copy-in",
      "pool-copy-out",
      "pool-ctid",
      "pool-cursor",
      "pool-disable-audit",
      "pool-disable-row-security",
      "pool-division-by-zero",
      "pool-drop-policy",
      "pool-insert",
      "pool-insert-on-conflict",
      "pool-move",
      "pool-no-force-row-security",
      "pool-prepared",
      "pool-references",
      "pool-rule",
      "pool-select",
      "pool-select-for-key-share",
      "pool-select-for-update",
      "pool-set",
      "pool-set-config",
      "pool-set-local",
      "pool-set-malformed",
      "pool-startup-options",
      "pool-take",
      "pool-trigger",
      "pool-truncate",
      "pool-unprotected-tables",
      "pool-view",
    ],
    unproven: ["pool-audit-erasing"],
  },
  {
    name: "the policy of a table is gone, so that nobody sees a row",
    damage: () => "DROP POLICY tenant_isolation ON pool_shelf.notes",
    repair: () =>
      "CREATE POLICY tenant_isolation ON pool_shelf.notes USING (tenant_id = (SELECT pool_shelf.current_tenant_id())) WITH CHECK (tenant_id = (SELECT pool_shelf.current_tenant_id()))",
    found: ["pool-unprotected-tables"],
  },
  {
    name: "a further policy shows every row",
    damage: () => "CREATE POLICY more ON pool_shelf.notes FOR SELECT USING (true)",
    repair: () => "DROP POLICY more ON pool_shelf.notes",
    found: [
      "pool-cast-error",
      "pool-copy-out",
      "pool-ctid",
      "pool-cursor",
      "pool-division-by-zero",
      "pool-extra-policies",
      "pool-prepared",
      "pool-select",
      "pool-select-read-only",
      "pool-set",
      "pool-set-config",
      "pool-set-local",
      "pool-set-malformed",
      "pool-set-read-only",
      "pool-startup-options",
      "pool-trusted-carried-over",
      "pool-trusted-malformed",
      "pool-trusted-other",
      "pool-trusted-unset",
      "pool-view",
    ],
  },
  {
    name: "the policy goes by the setting alone",
    damage: () =>
      "ALTER POLICY tenant_isolation ON pool_shelf.notes USING (tenant_id = coalesce(nullif(nullif(current_setting('app.tenant_id', true), ''), 'not-a-uuid')::uuid, pool_shelf.current_tenant_id()))",
    repair: () =>
      "DROP POLICY tenant_isolation ON pool_shelf.notes; CREATE POLICY tenant_isolation ON pool_shelf.notes USING (tenant_id = (SELECT pool_shelf.current_tenant_id())) WITH CHECK (tenant_id = (SELECT pool_shelf.current_tenant_id()))",
    found: [
      "pool-cursor",
      "pool-extra-policies",
      "pool-prepared",
      "pool-set",
      "pool-set-config",
      "pool-set-local",
      "pool-set-read-only",
      "pool-startup-options",
    ],
  },
  {
    name: "the policy takes every row that is written",
    damage: () => "ALTER POLICY tenant_isolation ON pool_shelf.notes WITH CHECK (true)",
    repair: () =>
      "DROP POLICY tenant_isolation ON pool_shelf.notes; CREATE POLICY tenant_isolation ON pool_shelf.notes USING (tenant_id = (SELECT pool_shelf.current_tenant_id())) WITH CHECK (tenant_id = (SELECT pool_shelf.current_tenant_id()))",
    found: [
      "pool-extra-policies",
      "pool-insert",
      "pool-insert-on-conflict",
      "pool-merge",
      "pool-trusted-other-write",
      "pool-trusted-unset-write",
    ],
  },
  {
    name: "a view reads with the rights of an owner whom no policy binds",
    damage: () =>
      "ALTER VIEW pool_shelf.overview RESET (security_invoker); ALTER VIEW pool_shelf.overview OWNER TO CURRENT_USER",
    repair: () =>
      "ALTER VIEW pool_shelf.overview OWNER TO pool_shelf_owner; ALTER VIEW pool_shelf.overview SET (security_invoker = true)",
    found: ["pool-owners-views", "pool-view"],
  },
  {
    name: "a unique key holds across members",
    damage: () => "CREATE UNIQUE INDEX notes_name ON pool_shelf.notes (name)",
    repair: () => "DROP INDEX pool_shelf.notes_name",
    found: ["pool-unbound-keys", "pool-unique-oracle"],
  },
  {
    name: "a foreign key leads across members",
    damage: () =>
      `ALTER TABLE pool_shelf.notes ADD CONSTRAINT notes_id UNIQUE (id); ALTER TABLE pool_shelf.details DROP CONSTRAINT details_tenant_id_note_fkey;
       ALTER TABLE pool_shelf.details ADD CONSTRAINT details_note FOREIGN KEY (note) REFERENCES pool_shelf.notes (id)`,
    repair: () =>
      `ALTER TABLE pool_shelf.details DROP CONSTRAINT details_note; ALTER TABLE pool_shelf.notes DROP CONSTRAINT notes_id;
       ALTER TABLE pool_shelf.details ADD FOREIGN KEY (tenant_id, note) REFERENCES pool_shelf.notes (tenant_id, id) ON DELETE CASCADE`,
    found: ["pool-foreign-key-oracle", "pool-unbound-keys", "pool-unbound-references", "pool-unique-oracle"],
    unproven: ["pool-delete"],
  },
  {
    name: "members may empty a table",
    damage: () => "GRANT TRUNCATE ON pool_shelf.details, pool_shelf.notes TO pool_shelf_app",
    repair: () => "REVOKE TRUNCATE ON pool_shelf.details, pool_shelf.notes FROM pool_shelf_app",
    found: ["pool-truncate"],
  },
  {
    name: "no policy binds a member's login",
    damage: () => `ALTER ROLE ${acme.postgres.names.appRole} BYPASSRLS`,
    repair: () => `ALTER ROLE ${acme.postgres.names.appRole} NOBYPASSRLS`,
    found: [
      "attributes",
      "pool-audit-read",
      "pool-cast-error",
      "pool-copy-in",
      "pool-copy-out",
      "pool-ctid",
      "pool-cursor",
      "pool-division-by-zero",
      "pool-insert",
      "pool-insert-on-conflict",
      "pool-move",
      "pool-prepared",
      "pool-row-security-off",
      "pool-select",
      "pool-select-for-key-share",
      "pool-select-for-update",
      "pool-set",
      "pool-set-config",
      "pool-set-local",
      "pool-set-malformed",
      "pool-startup-options",
      "pool-take",
      "pool-view",
    ],
  },
  {
    name: "a member's login may take the place of its group",
    damage: () => `GRANT pool_shelf_app TO ${acme.postgres.names.appRole} WITH SET TRUE`,
    repair: () => `GRANT pool_shelf_app TO ${acme.postgres.names.appRole} WITH SET FALSE`,
    found: ["pool-become-group", "pool-group-rights"],
  },
  {
    name: "a member's login is bound to another member",
    damage: () => bind(acme, canary),
    repair: () => bind(acme, acme),
    found: [
      "pool-audit-read",
      "pool-cast-error",
      "pool-copy-out",
      "pool-ctid",
      "pool-cursor",
      "pool-delete",
      "pool-division-by-zero",
      "pool-insert",
      "pool-insert-on-conflict",
      "pool-insert-on-conflict-update",
      "pool-merge",
      "pool-prepared",
      "pool-select",
      "pool-select-for-key-share",
      "pool-select-for-update",
      "pool-set",
      "pool-set-config",
      "pool-set-local",
      "pool-set-malformed",
      "pool-startup-options",
      "pool-update",
      "pool-view",
    ],
  },
  {
    name: "a member's login is taken for the trusted one",
    damage: () =>
      `UPDATE pool_shelf.tenancy_logins SET tenant_id = NULL, kind = 'application' WHERE login = '${acme.postgres.names.appRole}'`,
    repair: () => bind(acme, acme),
    found: [
      "pool-cursor",
      "pool-prepared",
      "pool-set",
      "pool-set-config",
      "pool-set-context",
      "pool-set-local",
      "pool-startup-options",
    ],
  },
  {
    name: "a partition may be read by its name, and no policy guards it",
    damage: () =>
      "GRANT SELECT ON pool_shelf.records_p0 TO pool_shelf_app; ALTER TABLE pool_shelf.records_p0 DISABLE ROW LEVEL SECURITY",
    repair: () =>
      "REVOKE SELECT ON pool_shelf.records_p0 FROM pool_shelf_app; ALTER TABLE pool_shelf.records_p0 ENABLE ROW LEVEL SECURITY",
    found: ["pool-partition", "pool-unprotected-tables"],
  },
  {
    name: "a table was made beside the template, and opened",
    damage: () => "CREATE TABLE pool_shelf.later (id int); GRANT ALL ON pool_shelf.later TO pool_shelf_app",
    repair: () => "DROP TABLE pool_shelf.later",
    found: ["pool-references", "pool-unprotected-tables"],
  },
  {
    name: "members may read who is in the pool, and change it",
    damage: () => `GRANT SELECT, UPDATE ON pool_shelf.tenancy_members, pool_shelf.tenancy_logins TO pool_shelf_app`,
    repair: () => `REVOKE SELECT, UPDATE ON pool_shelf.tenancy_members, pool_shelf.tenancy_logins FROM pool_shelf_app`,
    found: ["pool-logins-read", "pool-logins-write", "pool-members-read", "pool-members-write", "pool-trusted-members"],
  },
  {
    name: "members may write the audit, and call what writes it",
    damage: () =>
      `GRANT INSERT, UPDATE, DELETE ON pool_shelf.audit_log TO pool_shelf_app; GRANT ALL ON SEQUENCE pool_shelf.audit_log_id_seq TO pool_shelf_app;
       GRANT EXECUTE ON FUNCTION pool_shelf.tenancy_audit() TO pool_shelf_app`,
    repair: () =>
      `REVOKE INSERT, UPDATE, DELETE ON pool_shelf.audit_log FROM pool_shelf_app; REVOKE ALL ON SEQUENCE pool_shelf.audit_log_id_seq FROM pool_shelf_app;
       REVOKE EXECUTE ON FUNCTION pool_shelf.tenancy_audit() FROM pool_shelf_app`,
    found: [
      "pool-audit-call",
      "pool-audit-change",
      "pool-audit-delete",
      "pool-audit-forge",
      "pool-sequence-value",
      "pool-setval",
    ],
  },
  {
    name: "the audit does not guard its rows",
    damage: () => "ALTER TABLE pool_shelf.audit_log DISABLE ROW LEVEL SECURITY",
    repair: () => "ALTER TABLE pool_shelf.audit_log ENABLE ROW LEVEL SECURITY",
    found: ["pool-audit-read", "pool-unprotected-tables"],
  },
  {
    name: "the audit of a table is off",
    damage: () => "ALTER TABLE pool_shelf.notes DISABLE TRIGGER USER",
    repair: () => "ALTER TABLE pool_shelf.notes ENABLE TRIGGER USER",
    found: ["pool-audit-erasing"],
  },
  {
    name: "the read-only login may write",
    damage: () => "GRANT INSERT, UPDATE, DELETE ON pool_shelf.notes TO pool_shelf_ro",
    repair: () => "REVOKE INSERT, UPDATE, DELETE ON pool_shelf.notes FROM pool_shelf_ro",
    found: [
      "delete-read-only",
      "insert-read-only",
      "pool-delete-read-only",
      "pool-insert-read-only",
      "pool-update-read-only",
      "update-read-only",
    ],
  },
  {
    name: "members may create in the pool's schema, and put triggers and references on a table",
    damage: () =>
      "GRANT CREATE ON SCHEMA pool_shelf TO pool_shelf_app; GRANT TRIGGER, REFERENCES ON pool_shelf.notes TO pool_shelf_app",
    repair: () =>
      "REVOKE CREATE ON SCHEMA pool_shelf FROM pool_shelf_app; REVOKE TRIGGER, REFERENCES ON pool_shelf.notes FROM pool_shelf_app",
    found: [
      "create-definer-function",
      "create-elsewhere",
      "create-table-in-own",
      "pool-create-function",
      "pool-create-table",
      "pool-create-view",
      "pool-references",
      "pool-replace-function",
      "pool-trigger",
    ],
  },
  {
    name: "a function of the pool runs with its owner's rights",
    damage: () =>
      "CREATE FUNCTION pool_shelf.lend() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM pool_shelf.notes'",
    repair: () => "DROP FUNCTION pool_shelf.lend()",
    found: ["pool-definer-functions"],
  },
  {
    name: "the trusted login has rights of its own, and sees every row",
    damage:
      () => `GRANT USAGE ON SCHEMA pool_shelf TO ${application()}; GRANT SELECT ON ALL TABLES IN SCHEMA pool_shelf TO ${application()};
      GRANT pool_shelf_owner TO ${application()}; CREATE POLICY more ON pool_shelf.notes FOR ALL USING (session_user = '${application()}')`,
    repair:
      () => `REVOKE USAGE ON SCHEMA pool_shelf FROM ${application()}; REVOKE SELECT ON ALL TABLES IN SCHEMA pool_shelf FROM ${application()};
      REVOKE pool_shelf_owner FROM ${application()}; DROP POLICY more ON pool_shelf.notes`,
    found: [
      "pool-extra-policies",
      "pool-trusted-carried-over",
      "pool-trusted-malformed",
      "pool-trusted-other",
      "pool-trusted-other-write",
      "pool-trusted-owner",
      "pool-trusted-unset",
      "pool-trusted-unset-write",
    ],
  },
];

/** A superuser binds the application's login of one tenant to another. */
function bind(login: Tenant, to: Tenant): string {
  const { names, pool } = to.postgres;
  return (
    `UPDATE ${names.schema}.tenancy_logins SET tenant_id = '${pool?.tenantId ?? ""}', kind = 'tenant' ` +
    `WHERE login = '${login.postgres.names.appRole}'`
  );
}

const application = (): string => ground.server.application?.user ?? "";

const brief = (results: Awaited<ReturnType<typeof attack>>) =>
  results.map(({ attempt, verdict, detail, control }) => [attempt.id, verdict, detail, control]);

describe("an intact pool", () => {
  test("denies a member everything against another, and the controls prove that it could be allowed", async () => {
    const results = await attack(probe, acme, canary);
    const tried = new Set(results.map(({ attempt }) => attempt.id));
    const between = poolRecipes.filter((recipe) => recipe.between === "pool").map(({ id }) => `postgres/${id}`);
    expect(between.length).toBeGreaterThanOrEqual(60);
    expect(between.filter((id) => !tried.has(id))).toEqual([]);
    expect(brief(results.filter(({ verdict }) => verdict !== "denied as expected"))).toEqual([]);
    expect(brief(results.filter(({ control }) => control?.kind !== "proven"))).toEqual([]);
  });
  test("denies a canary everything against members with and without rows", async () => {
    const results = await attack(probe, canary, beta);
    const made = results.filter(({ verdict }) => verdict !== "not made");
    expect(brief(made.filter(({ verdict }) => verdict !== "denied as expected"))).toEqual([]);
    expect(brief(made.filter(({ control }) => control?.kind !== "proven"))).toEqual([]);
  });
  test("is closed to a tenant with a schema of its own, and that schema to members", async () => {
    const into = await attack(probe, bridge, canary);
    expect(brief(into.filter(({ verdict }) => verdict !== "denied as expected"))).toEqual([]);
    expect(brief(into.filter(({ control }) => control?.kind !== "proven"))).toEqual([]);
    expect(into.map(({ attempt }) => attempt.id)).toEqual(
      expect.arrayContaining(["postgres/select", "postgres/pool-outside-read"]),
    );
    const back = (await attack(probe, canary, bridge)).filter(({ verdict }) => verdict !== "not made");
    expect(brief(back.filter(({ verdict }) => verdict !== "denied as expected"))).toEqual([]);
    expect(idsOf(back, "LEAK")).toEqual([]);
  });
});

describe("the built-in templates", () => {
  test.each(builtIn)("%s takes a canary's rows in a pool, and keeps its members apart", async (name) => {
    const member = await ground.providePool(name, name);
    const own = await member(`${name}-a`);
    const other = await member(`abcde-${randomBytes(4).toString("hex")}`, true);
    await probe.furnish(other);
    const results = await attack(probe, own, other);
    expect(brief(results.filter(({ verdict }) => verdict !== "denied as expected"))).toEqual([]);
    expect(brief(results.filter(({ control }) => control?.kind !== "proven"))).toEqual([]);
  });
});

describe("what breaks a pool is found", () => {
  test.each(damages)("$name", async ({ damage, repair, found, unproven = [] }) => {
    await ground.admin(damage());
    try {
      const results = await attackCanary();
      expect(idsOf(results, "LEAK").sort()).toEqual([...found].sort());
      expect(idsOf(results, "could not run").sort()).toEqual([...unproven].sort());
    } finally {
      await ground.admin(repair());
    }
  });

  test("after all repairs every attempt is denied as expected", async () => {
    expect(brief((await attackCanary()).filter(({ verdict }) => verdict !== "denied as expected"))).toEqual([]);
  });
});
