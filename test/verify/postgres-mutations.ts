/** Ways to break what keeps tenants apart, each with the attempts that find it: those and no others. */
import { grants, type Mutation, read } from "./postgres-grants.ts";

/** An object in the schema `extensions`, which every login may use. */
function shared(name: string, create: string, drop: string, found: readonly string[]): Mutation {
  return { name, damage: () => create, repair: () => drop, found };
}

export const mutations: readonly Mutation[] = [
  ...grants,
  {
    name: "everybody may read the platform's catalogue",
    damage: () => "GRANT USAGE ON SCHEMA platform TO PUBLIC; GRANT SELECT ON ALL TABLES IN SCHEMA platform TO PUBLIC",
    repair: () =>
      "REVOKE USAGE ON SCHEMA platform FROM PUBLIC; REVOKE SELECT ON ALL TABLES IN SCHEMA platform FROM PUBLIC",
    found: ["platform-tenants", "platform-applied-files", "rights-on-platform", "rights-elsewhere"],
  },
  {
    name: "a new table of the owner is everybody's by default privileges",
    damage: (_a, v) =>
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${v.ownerRole} IN SCHEMA ${v.schema} GRANT SELECT ON TABLES TO PUBLIC;
       SET ROLE ${v.ownerRole}; CREATE TABLE ${v.schema}.later (id integer); RESET ROLE`,
    repair: (_a, v) =>
      `DROP TABLE ${v.schema}.later;
       ALTER DEFAULT PRIVILEGES FOR ROLE ${v.ownerRole} IN SCHEMA ${v.schema} REVOKE SELECT ON TABLES FROM PUBLIC`,
    found: ["rights-on-tables", "default-privileges", "information-schema"],
  },
  {
    name: "new functions of the owner are everybody's, as they are unless it is taken away",
    damage: (_a, v) => `ALTER DEFAULT PRIVILEGES FOR ROLE ${v.ownerRole} GRANT EXECUTE ON FUNCTIONS TO PUBLIC`,
    repair: (_a, v) => `ALTER DEFAULT PRIVILEGES FOR ROLE ${v.ownerRole} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC`,
    found: ["default-privileges"],
  },
  {
    name: "the search_path of a login has a schema that others share",
    damage: (a) =>
      `CREATE SCHEMA commons; GRANT USAGE ON SCHEMA commons TO PUBLIC;
       ALTER ROLE ${a.appRole} IN DATABASE tenants SET search_path = ${a.schema}, commons, extensions`,
    repair: (a) =>
      `DROP SCHEMA commons;
       ALTER ROLE ${a.appRole} IN DATABASE tenants SET search_path = ${a.schema}, extensions, pg_catalog, pg_temp`,
    found: ["shared-search-path"],
  },
  {
    name: "a login has no limit of connections",
    damage: (a) => `ALTER ROLE ${a.readOnlyRole} CONNECTION LIMIT -1`,
    repair: (a) => `ALTER ROLE ${a.readOnlyRole} CONNECTION LIMIT 5`,
    found: ["unlimited-connections"],
  },
  {
    name: "the read-only login may write",
    damage: (a) => `GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${a.schema} TO ${a.readOnlyRole}`,
    repair: (a) => `REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${a.schema} FROM ${a.readOnlyRole}`,
    found: ["insert-read-only", "update-read-only", "delete-read-only"],
  },
  {
    name: "the application's login owns its tables and may create in its schema",
    damage: (a) =>
      `ALTER TABLE ${a.schema}.graph_entities OWNER TO ${a.appRole}; GRANT CREATE ON SCHEMA ${a.schema} TO ${a.appRole}`,
    repair: (a) =>
      `ALTER TABLE ${a.schema}.graph_entities OWNER TO ${a.ownerRole};
       REVOKE CREATE ON SCHEMA ${a.schema} FROM ${a.appRole}`,
    found: ["create-table-in-own", "create-definer-function", "alter-own-table", "create-elsewhere"],
  },
  {
    name: "the application's login owns its schema",
    damage: (a) => `ALTER SCHEMA ${a.schema} OWNER TO ${a.appRole}`,
    repair: (a) =>
      `ALTER SCHEMA ${a.schema} OWNER TO ${a.ownerRole}; GRANT USAGE ON SCHEMA ${a.schema} TO ${a.appRole}`,
    found: ["create-table-in-own", "create-definer-function", "comment-on-own-schema", "create-elsewhere"],
  },
  {
    name: "another tenant administers a login without inheriting from it",
    damage: (a, v) =>
      `GRANT ${v.appRole} TO ${a.appRole} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE; ALTER ROLE ${a.appRole} CREATEROLE`,
    repair: (a, v) => `ALTER ROLE ${a.appRole} NOCREATEROLE; REVOKE ${v.appRole} FROM ${a.appRole}`,
    found: ["memberships", "attributes", "create-role", "change-password", "close-login", "settings-of-another"],
  },
  {
    name: "a foreign key leads from one tenant to another",
    damage: (a, v) =>
      `ALTER TABLE ${a.schema}.graph_entities ADD COLUMN canary bigint REFERENCES ${v.schema}.canary_records`,
    repair: (a) => `ALTER TABLE ${a.schema}.graph_entities DROP COLUMN canary`,
    found: ["foreign-keys"],
  },
  shared(
    "a table lies where all tenants look",
    "CREATE TABLE extensions.commons (id integer); GRANT SELECT, INSERT ON extensions.commons TO PUBLIC",
    "DROP TABLE extensions.commons",
    ["rights-elsewhere"],
  ),
  shared(
    "a SECURITY DEFINER function lies where all tenants look",
    "CREATE FUNCTION extensions.lend() RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
    "DROP FUNCTION extensions.lend()",
    ["definer-functions"],
  ),
  shared("dblink is installed for all tenants", "CREATE EXTENSION dblink SCHEMA extensions", "DROP EXTENSION dblink", [
    "reach-outside",
  ]),
  shared(
    "a foreign-data wrapper is everybody's",
    "CREATE FOREIGN DATA WRAPPER outside; GRANT USAGE ON FOREIGN DATA WRAPPER outside TO PUBLIC",
    "DROP FOREIGN DATA WRAPPER outside",
    ["reach-outside"],
  ),
  {
    // Last: what was sampled stays.
    name: "another tenant may read a table that the server has sampled",
    damage: (a, v) =>
      `GRANT USAGE ON SCHEMA ${v.schema} TO ${a.appRole}; GRANT SELECT ON ${v.schema}.canary_records TO ${a.appRole};
       ANALYZE ${v.schema}.canary_records`,
    repair: (a, v) =>
      `REVOKE SELECT ON ${v.schema}.canary_records FROM ${a.appRole};
       REVOKE USAGE ON SCHEMA ${v.schema} FROM ${a.appRole}`,
    found: [...read, "statistics"],
  },
];
