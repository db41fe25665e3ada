import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Finding, Mend } from "../../../provider/finding.ts";
import type { SchemaInputs, SchemaOutputs } from "../../../provider/inputs.ts";
import { postgresDependencies } from "../../../provider/postgres/dependencies.ts";
import { schemaHandler } from "../../../provider/postgres/schema.ts";
import { loadTemplate } from "../../../templates/load.ts";
import { services } from "../../support/services.ts";
import { asAdmin, baseline, connect, context, createTenant, projectDir, schemaInputs, tenantId } from "./support.ts";

const templates = resolve(import.meta.dirname, "fixture");
const deps = postgresDependencies({ platform: services().platform, templates, projectDir });
const handler = schemaHandler(deps);
const template = loadTemplate(templates, "notes");
const own = { template: template.name, templateFiles: template.files, variables: {} };
const inputs = schemaInputs(tenantId("drift"), { ...own, template: "knowledge-graph" });
const wanted: SchemaInputs = { ...inputs, ...own };
const other: SchemaInputs = { ...schemaInputs(tenantId("other")), ...own };
let outputs: SchemaOutputs;

const { schema, ownerRole, appRole, readOnlyRole } = wanted;
const role = tenantId("stranger").replaceAll("-", "_");
const foreign = `${role}_schema`;
const provisioner = services().platform.postgres.main?.provisioner.user ?? "";

beforeAll(async () => {
  await baseline(deps);
  outputs = await createTenant(deps, wanted);
  await createTenant(deps, other);
  await asAdmin(`CREATE ROLE ${role} LOGIN; CREATE SCHEMA ${foreign} AUTHORIZATION ${role};
    CREATE TABLE ${foreign}.secrets (id int, word text); CREATE FUNCTION ${foreign}.f() RETURNS int LANGUAGE sql RETURN 1;
    CREATE SEQUENCE ${foreign}.s; CREATE FOREIGN DATA WRAPPER ${role}_fdw; SELECT lo_create(0);
    CREATE SERVER ${role}_server FOREIGN DATA WRAPPER ${role}_fdw`);
}, 120_000);
afterAll(async () => {
  await asAdmin(`DROP SCHEMA ${foreign} CASCADE; DROP FOREIGN DATA WRAPPER ${role}_fdw CASCADE`);
  await asAdmin(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`);
  await deps.pools.close();
});

async function look(asked = wanted) {
  const found: Finding[] = [];
  const told = context(asked.tenant);
  const live = await handler.read(
    { ...told, found: (finding) => found.push(finding) },
    asked.schema,
    asked,
    asked === wanted ? outputs : { ...outputs, ...asked },
  );
  expect(told.warnings).toEqual([]);
  const drift = live?.inputs.drift ?? [];
  expect(found.map(({ sentence }) => sentence)).toEqual(drift);
  return { found, drift };
}

const repair = async () => {
  const told = context(wanted.tenant);
  await handler.update(told, schema, outputs, wanted);
  return told.warnings;
};

interface Damage {
  /** What was done, as statements of an administrator. */
  readonly sql: string;
  /** All sentences that a refresh tells of it. */
  readonly told: readonly string[];
  readonly mend?: Mend;
  /** Takes back what an update leaves to a person. */
  readonly undo?: string;
}

const table = (name: string) => `${schema}.${name}`;
const outside = (right: string, object: string, who = appRole) =>
  `the role ${who} has ${right} on ${object}, outside of its schema`;

const damages: Record<string, Damage> = {
  "a power": { sql: `ALTER ROLE ${appRole} CREATEDB BYPASSRLS`, told: [`the role ${appRole} has BYPASSRLS, CREATEDB`] },
  "a login of the owner": { sql: `ALTER ROLE ${ownerRole} LOGIN`, told: [`the role ${ownerRole} may log in`] },
  "a closed login": { sql: `ALTER ROLE ${readOnlyRole} NOLOGIN`, told: [`the role ${readOnlyRole} may not log in`] },
  "inherited rights": { sql: `ALTER ROLE ${appRole} INHERIT`, told: [`the role ${appRole} inherits rights`] },
  "a connection limit": {
    sql: `ALTER ROLE ${appRole} CONNECTION LIMIT 99`,
    told: [`the role ${appRole} has a connection limit of 99, not 10`],
  },
  "a password that ends": {
    sql: `ALTER ROLE ${appRole} VALID UNTIL '2100-01-01 00:00:00+00'`,
    told: [`the password of the role ${appRole} is valid until 2100-01-01 00:00:00+00`],
  },
  "another password": {
    sql: `ALTER ROLE ${readOnlyRole} PASSWORD 'changed'`,
    told: [`the password of the role ${readOnlyRole} is not the one of the state`],
  },
  "another search_path": {
    sql: `ALTER ROLE ${appRole} IN DATABASE tenants SET search_path = ${other.schema}, pg_catalog`,
    told: [`the settings of the role ${appRole} in the database are not its search_path alone`],
  },
  "a setting of the role": {
    sql: `ALTER ROLE ${appRole} SET statement_timeout = '1s'`,
    told: [`the role ${appRole} has settings of its own: statement_timeout`],
  },
  "a membership in a predefined role": {
    sql: `GRANT pg_read_all_data TO ${appRole}`,
    told: [`the role ${appRole} is a member of pg_read_all_data`],
  },
  "a membership in another tenant's role": {
    sql: `GRANT ${other.ownerRole} TO ${appRole}`,
    told: [`the role ${appRole} is a member of ${other.ownerRole}`],
  },
  "a stranger as a member": {
    sql: `GRANT ${appRole} TO ${role}`,
    told: [`the role ${role} is a member of ${appRole}`],
  },
  "a right on the database": {
    sql: `GRANT CREATE ON DATABASE tenants TO ${appRole}`,
    told: [`the role ${appRole} has CONNECT, CREATE on the database, not CONNECT by the provisioner`],
  },
  "no right to connect": {
    sql: `SET ROLE ${provisioner}; REVOKE CONNECT ON DATABASE tenants FROM ${appRole}`,
    told: [`the role ${appRole} has no right on the database, not CONNECT by the provisioner`],
  },
  "a schema open for everyone": {
    sql: `GRANT USAGE ON SCHEMA ${schema} TO PUBLIC`,
    told: [`the schema ${schema} has other rights than a tenant's for PUBLIC`],
  },
  "a stranger's right on a table": {
    sql: `GRANT SELECT ON ${table("notes")} TO ${role}`,
    told: [`the table notes has other rights than a tenant's for ${role}`],
  },
  "a stranger's right on a column": {
    sql: `GRANT SELECT (title) ON ${table("notes")} TO ${role}`,
    told: [`the table notes has rights on single columns for ${role}`],
  },
  "a lost right": {
    sql: `REVOKE INSERT ON ${table("notes")} FROM ${appRole}`,
    told: [`the table notes has other rights than a tenant's for ${appRole}`],
  },
  "a right to grant on": {
    sql: `GRANT SELECT ON ${table("notes")} TO ${appRole} WITH GRANT OPTION`,
    told: [`the table notes has other rights than a tenant's for ${appRole}`],
  },
  "a function for everyone": {
    sql: `GRANT EXECUTE ON FUNCTION ${table("trim_title()")} TO PUBLIC`,
    told: ["the function trim_title() has other rights than a tenant's for PUBLIC"],
  },
  "a table of another owner": {
    sql: `ALTER TABLE ${table("authors")} OWNER TO ${role}`,
    told: [
      `the table authors belongs to ${role}, not to ${ownerRole}`,
      // The sequence of an identity column follows its table.
      `the sequence authors_id_seq belongs to ${role}, not to ${ownerRole}`,
    ],
  },
  "default privileges": {
    sql: `ALTER DEFAULT PRIVILEGES FOR ROLE ${ownerRole} IN SCHEMA ${schema} GRANT SELECT ON TABLES TO PUBLIC`,
    told: [`the default privileges of ${ownerRole} are not those of a tenant`],
  },
  "a stranger's default privileges": {
    sql: `ALTER DEFAULT PRIVILEGES FOR ROLE ${role} IN SCHEMA ${foreign} GRANT SELECT ON TABLES TO ${appRole}`,
    told: [outside("rights", `default privileges on new relations belonging to role ${role} in schema ${foreign}`)],
    mend: "by hand",
    undo: `ALTER DEFAULT PRIVILEGES FOR ROLE ${role} IN SCHEMA ${foreign} REVOKE SELECT ON TABLES FROM ${appRole}`,
  },
  "a right on another schema's table": {
    sql: `GRANT SELECT, INSERT ON ${foreign}.secrets TO ${appRole}`,
    told: [outside("INSERT, SELECT", `table ${foreign}.secrets`)],
  },
  "a right on another schema's column": {
    sql: `GRANT SELECT (word) ON ${foreign}.secrets TO ${readOnlyRole}`,
    told: [outside("SELECT", `column word of table ${foreign}.secrets`, readOnlyRole)],
  },
  "a right on another schema": {
    sql: `GRANT USAGE ON SCHEMA ${foreign} TO ${appRole}`,
    told: [outside("USAGE", `schema ${foreign}`)],
  },
  "a right on a function elsewhere": {
    sql: `GRANT EXECUTE ON FUNCTION ${foreign}.f() TO ${appRole}`,
    told: [outside("EXECUTE", `function ${foreign}.f()`)],
  },
  "a right on a sequence elsewhere": {
    sql: `GRANT USAGE ON SEQUENCE ${foreign}.s TO ${ownerRole}`,
    told: [outside("USAGE", `sequence ${foreign}.s`, ownerRole)],
  },
  "a right on a catalogue's function": {
    sql: `GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO ${appRole}`,
    told: [outside("EXECUTE", "function pg_read_file(text)")],
  },
  "a right on another database": {
    sql: `GRANT CONNECT ON DATABASE postgres TO ${appRole}`,
    told: [outside("CONNECT", "database postgres")],
  },
  "a right on a tablespace": {
    sql: `GRANT CREATE ON TABLESPACE pg_default TO ${appRole}`,
    told: [outside("CREATE", "tablespace pg_default")],
  },
  "a right to set a parameter": {
    sql: `GRANT SET, ALTER SYSTEM ON PARAMETER log_statement TO ${appRole}`,
    told: [outside("ALTER SYSTEM, SET", "parameter log_statement")],
  },
  "a right on a foreign server": {
    sql: `GRANT USAGE ON FOREIGN SERVER ${role}_server TO ${appRole}`,
    told: [outside("USAGE", `server ${role}_server`)],
  },
  "a right on a foreign-data wrapper": {
    sql: `GRANT USAGE ON FOREIGN DATA WRAPPER ${role}_fdw TO ${appRole}`,
    told: [outside("USAGE", `foreign-data wrapper ${role}_fdw`)],
  },
  "a right on a large object": {
    sql: `DO $$ BEGIN PERFORM lo_create(770001); GRANT SELECT ON LARGE OBJECT 770001 TO ${appRole}; END $$`,
    told: [outside("SELECT", "large object 770001")],
    undo: "SELECT lo_unlink(770001)",
  },
  "a table elsewhere": {
    sql: `CREATE TABLE ${foreign}.mine (id int); ALTER TABLE ${foreign}.mine OWNER TO ${appRole}`,
    told: [`the role ${appRole} owns table ${foreign}.mine, outside of its schema`],
    mend: "by hand",
    undo: `DROP TABLE ${foreign}.mine`,
  },
  "a policy elsewhere": {
    sql: `CREATE POLICY p ON ${foreign}.secrets TO ${appRole} USING (true)`,
    told: [`the role ${appRole} is named by policy p on table ${foreign}.secrets, outside of its schema`],
    mend: "by hand",
    undo: `DROP POLICY p ON ${foreign}.secrets`,
  },
  "a lost mark": { sql: `COMMENT ON SCHEMA ${schema} IS NULL`, told: [`the schema ${schema} has lost its mark`] },
  "an unknown table": {
    sql: `SET ROLE ${ownerRole}; CREATE TABLE ${table("extra")} (id bigserial PRIMARY KEY); CREATE INDEX ON ${table("extra")} (id)`,
    told: ["the table extra is not in the template"],
    mend: "by hand",
    undo: `DROP TABLE ${table("extra")}`,
  },
  "an unknown view, function, type and sequence": {
    sql: `SET ROLE ${ownerRole}; CREATE VIEW ${table("v")} AS SELECT 1 AS one; CREATE TYPE ${table("t")} AS ENUM ('a');
      CREATE FUNCTION ${table("f")}(a int) RETURNS int LANGUAGE sql RETURN a; CREATE SEQUENCE ${table("s")}`,
    told: [
      "the type t is not in the template",
      "the sequence s is not in the template",
      "the function f(a integer) is not in the template",
      "the view v is not in the template",
    ],
    mend: "by hand",
    undo: `DROP VIEW ${table("v")}; DROP TYPE ${table("t")}; DROP FUNCTION ${table("f")}; DROP SEQUENCE ${table("s")}`,
  },
  "an unknown column": {
    sql: `ALTER TABLE ${table("notes")} ADD COLUMN extra text`,
    told: ["the column extra of the table notes is not in the template"],
    mend: "by hand",
    undo: `ALTER TABLE ${table("notes")} DROP COLUMN extra`,
  },
  "a dropped column": {
    sql: `ALTER TABLE ${table("notes")} DROP COLUMN created_at`,
    told: ["the column created_at of the table notes is missing"],
    mend: "by hand",
    undo: `ALTER TABLE ${table("notes")} ADD COLUMN created_at timestamptz NOT NULL DEFAULT now()`,
  },
  "another type of a column": {
    sql: `ALTER TABLE ${table("authors")} ALTER COLUMN name TYPE varchar(9)`,
    told: ["the column name of the table authors: type is character varying(9), not text"],
    mend: "by hand",
    undo: `ALTER TABLE ${table("authors")} ALTER COLUMN name TYPE text`,
  },
  "a column that may be null": {
    sql: `ALTER TABLE ${table("notes")} ALTER COLUMN author DROP NOT NULL`,
    told: ["the column author of the table notes: null is allowed, not refused"],
    mend: "by hand",
    undo: `ALTER TABLE ${table("notes")} ALTER COLUMN author SET NOT NULL`,
  },
  "another default": {
    sql: `ALTER TABLE ${table("notes")} ALTER COLUMN state SET DEFAULT 'done'`,
    told: [
      `the column state of the table notes: default is 'done'::"${schema}".note_state, not 'open'::"${schema}".note_state`,
    ],
  },
  "another identity": {
    sql: `ALTER TABLE ${table("authors")} ALTER COLUMN id SET GENERATED BY DEFAULT`,
    told: ["the column id of the table authors: identity is by default, not always"],
    mend: "by hand",
    undo: `ALTER TABLE ${table("authors")} ALTER COLUMN id SET GENERATED ALWAYS`,
  },
  "a lost generation": {
    sql: `ALTER TABLE ${table("notes")} ALTER COLUMN upper_title SET EXPRESSION AS (lower(title))`,
    told: ["the column upper_title of the table notes: generated is lower(title), not upper(title)"],
    mend: "by hand",
    undo: `ALTER TABLE ${table("notes")} ALTER COLUMN upper_title SET EXPRESSION AS (upper(title))`,
  },
  "other comments": {
    sql: `COMMENT ON TABLE ${table("notes")} IS NULL; COMMENT ON COLUMN ${table("notes")}.stars IS 'x'`,
    told: [
      "the table notes: comment is none, not What authors write.",
      "the column stars of the table notes: comment is x, not Given by readers.",
    ],
  },
  "a dropped index": {
    sql: `DROP INDEX ${table("notes_title")}`,
    told: ["the index notes_title of the table notes is missing"],
  },
  "a dropped unique index": {
    sql: `DROP INDEX ${table("notes_author_title")}`,
    told: ["the index notes_author_title of the table notes is missing"],
    mend: "by hand",
    undo: `CREATE UNIQUE INDEX notes_author_title ON ${table("notes")} (author, title)`,
  },
  "an unknown index": {
    sql: `CREATE INDEX extra ON ${table("notes")} (stars)`,
    told: ["the index extra of the table notes is not in the template"],
    mend: "by hand",
    undo: `DROP INDEX ${table("extra")}`,
  },
  "a dropped constraint": {
    sql: `ALTER TABLE ${table("notes")} DROP CONSTRAINT notes_stars_check`,
    told: ["the constraint notes_stars_check of the table notes is missing"],
    mend: "by hand",
    undo: `ALTER TABLE ${table("notes")} ADD CONSTRAINT notes_stars_check CHECK (stars >= 0)`,
  },
  "a foreign key into another tenant's schema": {
    sql: `ALTER TABLE ${table("notes")} ADD CONSTRAINT spy FOREIGN KEY (author) REFERENCES ${other.schema}.authors (id) NOT VALID`,
    told: ["the constraint spy of the table notes is not in the template"],
    mend: "by hand",
    undo: `ALTER TABLE ${table("notes")} DROP CONSTRAINT spy`,
  },
  "row-level security switched off": {
    sql: `ALTER TABLE ${table("notes")} DISABLE ROW LEVEL SECURITY`,
    told: ["the table notes: row-level security is disabled, not enabled"],
  },
  "row-level security for the owner": {
    sql: `ALTER TABLE ${table("notes")} FORCE ROW LEVEL SECURITY`,
    told: ["the table notes: row-level security for the owner is forced, not waived"],
  },
  "a dropped policy": {
    sql: `DROP POLICY notes_open ON ${table("notes")}`,
    told: ["the policy notes_open of the table notes is missing"],
  },
  "a policy that lets all rows through": {
    sql: `ALTER POLICY notes_open ON ${table("notes")} TO ${appRole} USING (true)`,
    told: [
      `the policy notes_open of the table notes: roles is ${appRole}, not PUBLIC`,
      `the policy notes_open of the table notes: USING is true, not (state = 'open'::"${schema}".note_state)`,
    ],
  },
  "an unknown policy": {
    sql: `CREATE POLICY extra ON ${table("notes")} USING (true)`,
    told: ["the policy extra of the table notes is not in the template"],
    mend: "by hand",
    undo: `DROP POLICY extra ON ${table("notes")}`,
  },
  "another body of a function": {
    sql: `SET ROLE ${ownerRole}; CREATE OR REPLACE FUNCTION ${table("trim_title()")} RETURNS trigger LANGUAGE plpgsql
      SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN NULL; END $$`,
    told: ["the function trim_title() is not the template's"],
  },
  "a function with its definer's rights": {
    sql: `ALTER FUNCTION ${table("trim_title()")} SECURITY DEFINER`,
    told: ["the function trim_title() is not the template's"],
  },
  "a dropped trigger": {
    sql: `DROP TRIGGER notes_trim ON ${table("notes")}`,
    told: ["the trigger notes_trim of the table notes is missing"],
  },
  "a disabled trigger": {
    sql: `ALTER TABLE ${table("notes")} DISABLE TRIGGER notes_trim`,
    told: ["the trigger notes_trim of the table notes: state is disabled, not enabled"],
  },
  "an unknown trigger": {
    sql: `CREATE TRIGGER extra BEFORE UPDATE ON ${table("notes")} FOR EACH ROW EXECUTE FUNCTION ${table("trim_title()")}`,
    told: ["the trigger extra of the table notes is not in the template"],
    mend: "by hand",
    undo: `DROP TRIGGER extra ON ${table("notes")}`,
  },
  "a rule": {
    sql: `CREATE RULE extra AS ON DELETE TO ${table("authors")} DO INSTEAD NOTHING`,
    told: ["the rule extra of the table authors is not in the template"],
    mend: "by hand",
    undo: `DROP RULE extra ON ${table("authors")}`,
  },
  "another view": {
    sql: `SET ROLE ${ownerRole}; CREATE OR REPLACE VIEW ${table("open_notes")} AS SELECT id, title FROM ${table("notes")}`,
    told: [
      "the view open_notes is not the template's",
      "the view open_notes: options is none, not security_invoker=true",
    ],
  },
  "a dropped view": { sql: `DROP VIEW ${table("open_notes")}`, told: ["the view open_notes is missing"] },
  "another sequence": {
    sql: `ALTER SEQUENCE ${table("ticket")} INCREMENT 5`,
    told: ["the sequence ticket: increment is 5, not 1"],
    mend: "by hand",
    undo: `ALTER SEQUENCE ${table("ticket")} INCREMENT 1`,
  },
  "another enum": {
    sql: `ALTER TYPE ${table("note_state")} RENAME VALUE 'done' TO 'gone'`,
    told: ["the type note_state is not the template's"],
    mend: "by hand",
    undo: `ALTER TYPE ${table("note_state")} RENAME VALUE 'gone' TO 'done'`,
  },
  "a publication": {
    sql: `CREATE PUBLICATION ${role}_p FOR TABLE ${table("authors")}`,
    told: [`the table authors: publications is ${role}_p, not none`],
    mend: "by hand",
    undo: `DROP PUBLICATION ${role}_p`,
  },
};

describe("drift of a schema", () => {
  test("nothing differs in a new tenant, and the scratch schema of its template is gone", async () => {
    expect((await look()).drift).toEqual([]);
    expect(
      await asAdmin(
        "SELECT nspname FROM pg_namespace WHERE nspname ~ '^tenancy_scratch' UNION ALL SELECT rolname FROM pg_roles WHERE rolname ~ '^tenancy_scratch'",
      ),
    ).toEqual([]);
  });

  test.each(Object.entries(damages))("%s is told, and mended or left to a person", async (_name, damage) => {
    await asAdmin(damage.sql);
    try {
      const { drift, found } = await look();
      expect(drift).toEqual(damage.told);
      const mend = damage.mend ?? "repair";
      expect(new Set(found.map((finding) => finding.mend))).toEqual(new Set([mend]));
      expect(found.every(({ statements }) => statements.length > 0 === (mend === "by hand"))).toBe(true);
      const warnings = await repair();
      expect((await look()).drift).toEqual(mend === "repair" ? [] : damage.told);
      if (mend === "repair") expect(warnings).toEqual([]);
    } finally {
      await repair();
      if (damage.undo !== undefined) await asAdmin(damage.undo);
    }
    expect((await look()).drift).toEqual([]);
  });

  test("at least 60 kinds are in this list", () => {
    expect(Object.keys(damages).length).toBeGreaterThanOrEqual(60);
  });

  test("rows outlive every damage and its repair", async () => {
    const app = await connect(ownerRole, "x").catch(() => undefined);
    expect(app).toBeUndefined();
    await asAdmin(`INSERT INTO ${table("authors")} (name) VALUES ('kept'); DROP INDEX ${table("notes_title")}`);
    await asAdmin(`ALTER TABLE ${table("authors")} ADD COLUMN extra text`);
    await repair();
    expect(await asAdmin(`SELECT name, extra FROM ${table("authors")}`)).toEqual([{ name: "kept", extra: null }]);
    expect((await look()).drift).toEqual(["the column extra of the table authors is not in the template"]);
  });
});
