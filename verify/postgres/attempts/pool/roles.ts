/** Attempts to take another's place in a pool, and questions to the catalog about all that holds its members apart. */
import { identifier, literal } from "../../../../provider/postgres/quote.ts";
import { manual, type Login, type Recipe } from "../../recipe.ts";
import { newName, type Scene } from "../../scene.ts";
import { inPool, placeOf, rowSecurity, seesVictim } from "./statements.ts";

const setRole = manual("sql-set-role");

function become(
  id: string,
  tries: string,
  why: string,
  role: (scene: Scene) => string,
  more: { readonly login?: Login; readonly outside?: boolean } = {},
): Recipe {
  return {
    id: `pool-${id}`,
    aim: "escape",
    tries,
    why,
    source: setRole,
    between: more.outside === true ? "outside" : "pool",
    ...(more.login === undefined ? {} : { login: more.login }),
    sql: (scene) => `SET LOCAL ROLE ${identifier(role(scene))}`,
    control: "administrator",
  };
}

/** Relations of the pool's schema as `c`. */
const relations = ({ victim }: Scene): string =>
  `pg_catalog.pg_class c WHERE c.relnamespace = ${literal(victim.names.schema)}::regnamespace`;
const hasTenant = `EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)`;
const notTheTools = "c.relname NOT IN ('tenancy_members', 'tenancy_logins')";
/** Whether the array of column numbers has that of `tenant_id`, of the relation `relid`. */
const tenantColumn = (relid: string) =>
  `(SELECT a.attnum FROM pg_catalog.pg_attribute a WHERE a.attrelid = ${relid} AND a.attname = 'tenant_id')`;

/** Counts what should not be there; an administrator makes one first. */
function fault(
  id: string,
  tries: string,
  why: string,
  source: string,
  sql: (scene: Scene) => string,
  prelude: (scene: Scene) => string,
): Recipe {
  return {
    id: `pool-${id}`,
    aim: "read",
    tries,
    why,
    source,
    between: "pool",
    asks: true,
    sql,
    prelude,
    control: "administrator",
  };
}

const group = "The group has the rights of every member, and no tenant of its own.";
const outsideWhy = "Who has a schema of its own has no business in a pool.";

export const poolRoleRecipes: readonly Recipe[] = [
  become(
    "become-group",
    "become the group that all members inherit from",
    group,
    ({ victim }) => placeOf(victim).appGroup,
  ),
  become(
    "become-group-read-only",
    "become the group of applications with its read-only login",
    group,
    ({ victim }) => placeOf(victim).appGroup,
    { login: "readOnly" },
  ),
  become(
    "become-owner",
    "become the owner of the pool",
    "An owner may drop every policy.",
    ({ victim }) => victim.names.ownerRole,
  ),
  {
    id: "pool-group-rights",
    aim: "escape",
    tries: "hold the right to take the group's place, or to hand it on",
    why: "A membership with SET or ADMIN is a way to be nobody's login.",
    source: manual("sql-grant"),
    between: "pool",
    asks: true,
    sql: ({ attacker }) => {
      const { appGroup, readOnlyGroup } = placeOf(attacker);
      const logins = [attacker.names.appRole, attacker.names.readOnlyRole].map(literal).join(", ");
      return `SELECT count(*) FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
        JOIN pg_catalog.pg_roles l ON l.oid = m.member WHERE g.rolname IN (${[appGroup, readOnlyGroup].map(literal).join(", ")})
        AND l.rolname IN (${logins}) AND (m.set_option OR m.admin_option)`;
    },
    prelude: ({ attacker }) =>
      `GRANT ${identifier(placeOf(attacker).appGroup)} TO ${identifier(attacker.names.appRole)} WITH SET TRUE`,
    control: "administrator",
  },
  fault(
    "unprotected-tables",
    "find a table of the pool whose rows no policy guards",
    "A table that somebody made later is open to all members until it is hardened.",
    rowSecurity,
    (scene) =>
      `SELECT count(*) FROM ${relations(scene)} AND c.relkind IN ('r', 'p') AND ${notTheTools}
        AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND ${hasTenant}
          AND EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant_isolation'))`,
    (scene) => `CREATE TABLE ${inPool(scene, newName)} (tenant_id uuid)`,
  ),
  fault(
    "extra-policies",
    "find a policy in the pool that is not the pool's own",
    "Permissive policies are joined by OR: one more can show every row.",
    manual("sql-createpolicy"),
    (scene) =>
      `SELECT count(*) FROM pg_catalog.pg_policy p JOIN ${relations(scene).replace(" WHERE ", " ON c.oid = p.polrelid AND ")}
        WHERE p.polname <> 'tenant_isolation' OR pg_get_expr(p.polqual, p.polrelid) !~ 'tenant_id = \\( SELECT [^ ]*current_tenant_id\\(\\)'
          OR pg_get_expr(p.polwithcheck, p.polrelid) IS DISTINCT FROM pg_get_expr(p.polqual, p.polrelid)`,
    (scene) =>
      `CREATE TABLE ${inPool(scene, newName)} (tenant_id uuid); CREATE POLICY ${newName} ON ${inPool(scene, newName)} USING (true)`,
  ),
  fault(
    "unbound-keys",
    "find a unique key in the pool that holds across members",
    "Its error tells for each value whether another customer has it.",
    rowSecurity,
    (scene) =>
      `SELECT count(*) FROM pg_catalog.pg_index i JOIN ${relations(scene).replace(" WHERE ", " ON c.oid = i.indrelid AND ")}
        WHERE i.indisunique AND ${notTheTools} AND i.indkey[0] IS DISTINCT FROM ${tenantColumn("c.oid")}`,
    (scene) => `CREATE TABLE ${inPool(scene, newName)} (tenant_id uuid, name text UNIQUE)`,
  ),
  fault(
    "unbound-references",
    "find a foreign key in the pool that leads from one member to another",
    "The check of a foreign key asks no policy.",
    manual("ddl-constraints"),
    (scene) =>
      `SELECT count(*) FROM pg_catalog.pg_constraint k JOIN ${relations(scene).replace(" WHERE ", " ON c.oid = k.conrelid AND ")}
        WHERE k.contype = 'f' AND ${notTheTools} AND NOT EXISTS (SELECT FROM unnest(k.conkey, k.confkey) AS pair (own, other)
          WHERE pair.own = ${tenantColumn("k.conrelid")} AND pair.other = ${tenantColumn("k.confrelid")})`,
    (scene) =>
      `CREATE TABLE ${inPool(scene, newName)} (tenant_id uuid, id int PRIMARY KEY, parent int REFERENCES ${inPool(scene, newName)})`,
  ),
  fault(
    "owners-views",
    "find a view of the pool that reads with its owner's rights",
    "Without security_invoker it is the owner whom a policy asks about.",
    manual("sql-createview"),
    (scene) =>
      `SELECT count(*) FROM ${relations(scene)} AND (c.relkind = 'm' OR (c.relkind = 'v'
        AND NOT coalesce(c.reloptions, '{}') && ARRAY['security_invoker=true', 'security_invoker=on', 'security_invoker=1']))`,
    (scene) => `CREATE VIEW ${inPool(scene, newName)} AS SELECT 1 AS one`,
  ),
  fault(
    "definer-functions",
    "find a SECURITY DEFINER function of the pool beside the pool's own, or one with a loose search_path",
    "It reads and writes with its owner's rights for every member.",
    manual("sql-createfunction"),
    ({ victim }) =>
      `SELECT count(*) FROM pg_catalog.pg_proc p WHERE p.pronamespace = ${literal(victim.names.schema)}::regnamespace AND p.prosecdef
        AND (p.proname NOT IN ('current_tenant_id', 'current_tenant', 'set_tenant_context', 'tenancy_audit')
          OR NOT coalesce(p.proconfig, '{}') @> ARRAY['search_path=pg_catalog, pg_temp'])`,
    (scene) =>
      `CREATE FUNCTION ${inPool(scene, newName)}() RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'`,
  ),
  become(
    "outside-group",
    "become the group of a pool that it is no member of",
    group,
    ({ victim }) => placeOf(victim).appGroup,
    { outside: true },
  ),
  {
    id: "pool-outside-context",
    aim: "escape",
    tries: "set a member of a pool as its context from outside",
    why: outsideWhy,
    source: rowSecurity,
    between: "outside",
    sql: (scene) => `SELECT ${inPool(scene, "set_tenant_context")}(${literal(placeOf(scene.victim).tenantId)}::uuid)`,
    prelude: (scene) =>
      `SET LOCAL SESSION AUTHORIZATION ${identifier(scene.provisioner)}; SET LOCAL ROLE ${identifier(scene.victim.names.ownerRole)}`,
    control: "administrator",
  },
  {
    id: "pool-outside-read",
    aim: "read",
    tries: "read a member's rows from outside of its pool, under its id",
    why: outsideWhy,
    source: rowSecurity,
    between: "outside",
    asks: true,
    expected: ["42501"],
    sql: (scene) => `SET LOCAL app.tenant_id = ${literal(placeOf(scene.victim).tenantId)}; ${seesVictim(scene)}`,
    control: "victim",
  },
];
