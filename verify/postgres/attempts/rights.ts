/**
 * Questions to the server about all that a tenant's two logins hold: they find a right on any object, of which the
 * statements of the other attempts try one.
 */
import { identifier, literal } from "../../../provider/postgres/quote.ts";
import { manual, type Recipe } from "../recipe.ts";
import { logins, newName, type Scene, schemaOid } from "../scene.ts";

const functions = manual("functions-info");
const tableRights = "SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER";
const columnRights = "SELECT, INSERT, UPDATE, REFERENCES";

/** How many of a schema's objects at least one of the logins has a right on; NULL where there is no object. */
function countRights(scene: Scene, objects: string, right: string): string {
  return `SELECT CASE WHEN count(*) > 0 THEN count(*) FILTER (WHERE ${right}) END
    FROM ${logins(scene.attacker)}, ${objects}`;
}

export const rightsRecipes: readonly Recipe[] = [
  {
    id: "rights-on-schema",
    aim: "read",
    tries: "hold a right on another tenant's schema",
    why: "USAGE is the outer of two doors; CREATE plants objects where the other tenant looks names up.",
    source: functions,
    asks: true,
    sql: (scene) =>
      `SELECT count(*) FROM ${logins(scene.attacker)} ` +
      `WHERE has_schema_privilege(login.name, ${schemaOid(scene.victim)}, 'USAGE, CREATE')`,
    control: "victim",
  },
  {
    id: "rights-on-tables",
    aim: "read",
    tries: "hold a right on any table, column, view or sequence of another tenant",
    why: "Behind a closed schema a grant is still there, and works on the day when the schema is opened.",
    source: functions,
    asks: true,
    sql: (scene) =>
      countRights(
        scene,
        `pg_catalog.pg_class c WHERE c.relnamespace = ${schemaOid(scene.victim)} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')`,
        `has_table_privilege(login.name, c.oid, '${tableRights}')
          OR has_any_column_privilege(login.name, c.oid, '${columnRights}')
          OR CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(login.name, c.oid, 'USAGE, SELECT, UPDATE') END`,
      ),
    control: "victim",
  },
  {
    id: "rights-on-functions",
    aim: "read",
    tries: "hold EXECUTE on any function of another tenant",
    why: "New functions are PUBLIC's unless default privileges say otherwise, and IN SCHEMA forms of those do not.",
    source: manual("sql-alterdefaultprivileges"),
    asks: true,
    sql: (scene) =>
      countRights(
        scene,
        `pg_catalog.pg_proc p WHERE p.pronamespace = ${schemaOid(scene.victim)}`,
        "has_function_privilege(login.name, p.oid, 'EXECUTE')",
      ),
    control: "victim",
  },
  {
    id: "rights-on-types",
    aim: "read",
    tries: "hold USAGE on any type of another tenant",
    why: "New types are PUBLIC's unless default privileges say otherwise.",
    source: manual("sql-alterdefaultprivileges"),
    asks: true,
    sql: (scene) =>
      countRights(
        scene,
        `pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
          WHERE t.typnamespace = ${schemaOid(scene.victim)} AND (t.typtype IN ('e', 'd', 'r') OR c.relkind = 'c')`,
        "has_type_privilege(login.name, t.oid, 'USAGE')",
      ),
    control: "victim",
  },
  {
    id: "rights-on-references",
    aim: "read",
    tries: "hold REFERENCES on a table of another tenant",
    why: "A foreign key tells for each value whether the other tenant has it, and keeps it from deleting the row.",
    source: manual("ddl-constraints"),
    asks: true,
    sql: (scene) =>
      countRights(
        scene,
        `pg_catalog.pg_class c WHERE c.relnamespace = ${schemaOid(scene.victim)} AND c.relkind IN ('r', 'p')`,
        "has_any_column_privilege(login.name, c.oid, 'REFERENCES')",
      ),
    control: "administrator",
  },
  {
    id: "foreign-keys",
    aim: "read",
    tries: "have a foreign key to another tenant's table",
    why: "What was once granted and used stays when the grant is gone.",
    source: manual("ddl-constraints"),
    asks: true,
    prelude: ({ victim }) => {
      const table = `${identifier(victim.names.schema)}.${newName}`;
      return `CREATE TABLE ${table} (id bigint PRIMARY KEY REFERENCES ${table})`;
    },
    sql: ({ attacker, victim }) =>
      `SELECT count(*) FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
        JOIN pg_catalog.pg_class r ON r.oid = k.confrelid WHERE k.contype = 'f'
        AND c.relnamespace = ${schemaOid(attacker)} AND r.relnamespace = ${schemaOid(victim)}`,
    control: "administrator",
  },
  {
    id: "rights-on-platform",
    aim: "read",
    tries: "hold a right on the platform's schema or a table in it",
    why: "The catalogue of tenants is the platform's alone.",
    source: functions,
    asks: true,
    sql: ({ attacker }) =>
      `SELECT count(*) FROM ${logins(attacker)}, pg_catalog.pg_namespace n
        LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'v', 'm', 'p') WHERE n.nspname = 'platform'
        AND (has_schema_privilege(login.name, n.oid, 'USAGE, CREATE')
          OR has_table_privilege(login.name, c.oid, '${tableRights}')
          OR has_any_column_privilege(login.name, c.oid, '${columnRights}'))`,
    control: "administrator",
  },
  {
    id: "rights-elsewhere",
    aim: "read",
    tries: "hold a right on a table of any schema but its own",
    why: "A shared table is where tenants meet, whether anyone meant it to be shared or not.",
    source: functions,
    asks: true,
    sql: ({ attacker }) =>
      `SELECT count(*) FROM ${logins(attacker)}, pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', ${literal(attacker.names.schema)})
        AND has_schema_privilege(login.name, n.oid, 'USAGE')
        AND (has_table_privilege(login.name, c.oid, '${tableRights}')
          OR has_any_column_privilege(login.name, c.oid, '${columnRights}'))
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
          WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`,
    control: "administrator",
  },
  {
    id: "default-privileges",
    aim: "read",
    tries: "have rights on what another tenant's owner makes next",
    why: "Default privileges to PUBLIC open every later table, function or type without a GRANT that anyone sees.",
    source: manual("sql-alterdefaultprivileges"),
    between: "schemas",
    asks: true,
    prelude: ({ victim }) =>
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${identifier(victim.names.ownerRole)} GRANT SELECT ON TABLES TO PUBLIC`,
    sql: ({ victim }) =>
      `SELECT count(*) FROM pg_catalog.pg_roles o, (VALUES ('r'::"char"), ('S'), ('f'), ('T')) AS kind (letter),
        LATERAL (SELECT coalesce((SELECT d.defaclacl FROM pg_catalog.pg_default_acl d
            WHERE d.defaclrole = o.oid AND d.defaclnamespace = 0 AND d.defaclobjtype = kind.letter),
            acldefault(CASE kind.letter WHEN 'S' THEN 's' ELSE kind.letter END, o.oid)) AS acl
          UNION ALL SELECT d.defaclacl FROM pg_catalog.pg_default_acl d
            WHERE d.defaclrole = o.oid AND d.defaclnamespace <> 0 AND d.defaclobjtype = kind.letter) AS rule,
        LATERAL aclexplode(rule.acl) AS entry WHERE o.rolname = ${literal(victim.names.ownerRole)}
        AND entry.grantee NOT IN (SELECT oid FROM pg_catalog.pg_roles WHERE rolname IN (
          ${[victim.names.ownerRole, victim.names.appRole, victim.names.readOnlyRole].map(literal).join(", ")}))`,
    control: "administrator",
  },
];
