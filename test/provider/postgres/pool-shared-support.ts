/** What the tests of pools share: a database of their own with a trusted login, a small template, members by plain SQL. */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type pg from "pg";
import type { PoolInputs, PoolOutputs } from "../../../provider/inputs.ts";
import type { PostgresServer } from "../../../provider/config.ts";
import { type PostgresDependencies, postgresDependencies } from "../../../provider/postgres/dependencies.ts";
import { poolHandler } from "../../../provider/postgres/pool-shared.ts";
import { joinGroupSql, loginSql, memberSql } from "../../../provider/postgres/pool-sql.ts";
import { setRole } from "../../../provider/postgres/script.ts";
import { loadTemplate } from "../../../templates/load.ts";
import { services } from "../../support/services.ts";
import { asAdmin, baseline, connect, context, dependencies, projectDir, type Recorded } from "./support.ts";

const manifest = `description: Notes of tenants, for tests.
tiers: [pool]
appendOnly: [visits]
notAudited: [notes.secret]
variables:
  length: { type: integer, description: Longest title., default: 80, minimum: 1, maximum: 200 }
`;

export const tables = `CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE folders (
  tenant_id uuid NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, parent bigint, name text NOT NULL,
  PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, name),
  FOREIGN KEY (tenant_id, parent) REFERENCES folders (tenant_id, id) ON DELETE CASCADE
);
CREATE TABLE notes (
  tenant_id uuid NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, folder bigint NOT NULL, title varchar({{length}}) NOT NULL,
  mood mood, secret text, changed timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, folder) REFERENCES folders (tenant_id, id)
) {{partition_by_tenant}};
CREATE INDEX notes_folder ON notes (tenant_id, folder);
CREATE TABLE visits (tenant_id uuid NOT NULL, id bigserial, page text, PRIMARY KEY (tenant_id, id));
CREATE VIEW titles WITH (security_invoker = true) AS SELECT title FROM notes;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.changed := now(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION touch();
`;

export interface PoolPlaceOfTests {
  readonly deps: PostgresDependencies;
  readonly server: PostgresServer;
  readonly application: { readonly user: string; readonly password: string };
  /** Writes a template and gives its name. */
  readonly template: (files: Readonly<Record<string, string>>, yaml?: string) => string;
  readonly addFile: (template: string, name: string, sql: string) => void;
  readonly admin: <R extends pg.QueryResultRow>(sql: string, values?: unknown[]) => Promise<R[]>;
  readonly connectAs: (user: string, password: string) => Promise<pg.Client>;
  readonly close: () => Promise<void>;
}

/** @param withApplication - whether the platform names a trusted login */
export async function poolPlace(withApplication = true): Promise<PoolPlaceOfTests> {
  const main = services().platform.postgres.main;
  if (main?.admin === undefined) throw new Error("the services have a PostgreSQL server with an administrator");
  const random = randomBytes(4).toString("hex");
  const database = `pools_${random}`;
  const application = { user: `application_${random}`, password: randomBytes(16).toString("hex") };
  const { application: _, ...plain } = main;
  const server = { ...plain, database, ...(withApplication ? { application } : {}) };
  const folder = mkdtempSync(join(tmpdir(), "tenancy-pools-"));
  const deps = postgresDependencies({
    platform: { ...services().platform, postgres: { main: server } },
    templates: folder,
    projectDir,
  });
  const admin = <R extends pg.QueryResultRow>(sql: string, values: unknown[] = []) => asAdmin<R>(sql, values, database);
  let number = 0;
  // What of a Baseline is the server's own is made in the shared database, where files wait for each other.
  const shared = dependencies();
  await baseline(shared);
  await shared.pools.close();
  await baseline({ ...deps, templates: join(projectDir, "templates") });
  // Where the Baseline has not made it.
  const [there] = await admin("SELECT FROM pg_roles WHERE rolname = $1", [application.user]);
  if (withApplication && there === undefined) {
    await deps.pools.run("main", { subject: "test", doing: "making the trusted login" }, (session) =>
      session.script(
        `CREATE ROLE ${application.user} LOGIN NOINHERIT PASSWORD '${application.password}';
         GRANT CONNECT ON DATABASE ${database} TO ${application.user}`,
      ),
    );
  }
  const addFile = (template: string, name: string, sql: string) => {
    writeFileSync(join(folder, template, name), sql);
  };
  return {
    deps,
    server,
    application,
    addFile,
    template(files, yaml = manifest) {
      const name = `pool${(number += 1)}`;
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, "template.yaml"), yaml);
      for (const [file, sql] of Object.entries(files)) addFile(name, file, sql);
      return name;
    },
    admin,
    connectAs: (user, password) => connect(user, password, database),
    async close() {
      await deps.pools.close();
      await asAdmin(`DROP DATABASE ${database} WITH (FORCE)`, [], "postgres");
      const roles = await asAdmin<{ name: string }>(
        "SELECT rolname AS name FROM pg_roles WHERE rolname LIKE $1 OR rolname = $2 ORDER BY 1",
        [`%${random}%`, application.user],
        "postgres",
      );
      for (const { name } of roles) await asAdmin(`DROP ROLE "${name}"`, [], "postgres");
      rmSync(folder, { recursive: true });
    },
  };
}

export function poolInputs(place: PoolPlaceOfTests, pool: string, over: Partial<PoolInputs> = {}): PoolInputs {
  const suffix = place.server.database.slice("pools_".length);
  const schema = `pool_${pool}_${suffix}`;
  const template = over.template ?? place.template({ "0001-tables.sql": tables });
  return {
    server: "main",
    pool,
    schema,
    ownerRole: `${schema}_owner`,
    appRole: `${schema}_app`,
    readOnlyRole: `${schema}_ro`,
    template,
    variables: { length: 80 },
    templateFiles: loadTemplate(place.deps.templates, template).files,
    partitions: 0,
    ...over,
  };
}

export function poolContext(pool: string, options: { adopt?: string[]; stack?: string } = {}): Recorded {
  return context(pool, { ...options, type: "tenancy:postgres:Pool" });
}

export async function createPool(place: PoolPlaceOfTests, inputs: PoolInputs): Promise<PoolOutputs> {
  return (await poolHandler(place.deps).create(poolContext(inputs.pool), inputs)).outputs;
}

export async function driftOf(place: PoolPlaceOfTests, inputs: PoolInputs, outputs: PoolOutputs) {
  const told = poolContext(inputs.pool);
  const found = await poolHandler(place.deps).read(told, inputs.schema, inputs, outputs);
  if (told.warnings.length > 0) throw new Error(told.warnings.join("\n"));
  return found === undefined ? undefined : (found.inputs.drift ?? []);
}

export interface MemberOfTests {
  readonly tenant: string;
  readonly tenantId: string;
  readonly login: string;
  readonly password: string;
}

/** A member with one login, as the tenant's resource makes it. */
export async function joinPool(place: PoolPlaceOfTests, inputs: PoolInputs, tenant: string): Promise<MemberOfTests> {
  const suffix = place.server.database.slice("pools_".length);
  const member = {
    tenant,
    tenantId: crypto.randomUUID(),
    login: `${tenant}_${suffix}_app`,
    password: randomBytes(16).toString("hex"),
  };
  const { tenantId, login, password } = member;
  const script = [
    `BEGIN; CREATE ROLE ${login} LOGIN PASSWORD '${password}'; GRANT CONNECT ON DATABASE ${place.server.database} TO ${login};`,
    `ALTER ROLE ${login} SET search_path = ${inputs.schema}, extensions, pg_catalog, pg_temp;`,
    joinGroupSql(inputs.appRole, login),
    setRole(inputs.ownerRole),
    memberSql(inputs, { tenantId, tenant, active: true, mark: "{}" }),
    loginSql(inputs, login, { kind: "tenant", tenantId }),
    "COMMIT;",
  ];
  await place.deps.pools.run("main", { subject: "test", doing: "joining" }, (session) =>
    session.script(script.join("\n")),
  );
  return member;
}
