/** Attempts to become someone else, or to hold more than a tenant's login does. */
import { identifier, literal } from "../../../provider/postgres/quote.ts";
import { cve, manual, type Recipe } from "../recipe.ts";
import { logins, newName, type Scene, type Side } from "../scene.ts";

const setRole = manual("sql-set-role");
const alterRole = manual("sql-alterrole");

/** SET ROLE to a role that is not the login. */
function become(id: string, whom: string, why: string, role: (scene: Scene) => string): Recipe {
  return {
    id,
    aim: "escape",
    tries: `become ${whom}`,
    why,
    source: setRole,
    sql: (scene) => `SET LOCAL ROLE ${identifier(role(scene))}`,
    control: "administrator",
  };
}

/** A member of a pool belongs to its groups, and to nothing else. */
function ownGroups({ pool }: Side): string {
  if (pool === undefined) return "";
  return ` AND r.rolname NOT IN (${[pool.appGroup, pool.readOnlyGroup].map(literal).join(", ")})`;
}

/** An attribute that a tenant's login gives itself. */
function giveItself(attribute: string, why: string): Recipe {
  return {
    id: `give-itself-${attribute.toLowerCase()}`,
    aim: "escape",
    tries: `give itself ${attribute}`,
    why,
    source: alterRole,
    sql: ({ attacker }) => `ALTER ROLE ${identifier(attacker.names.appRole)} ${attribute}`,
    control: "administrator",
  };
}

export const roleRecipes: readonly Recipe[] = [
  become(
    "become-owner",
    "another tenant's owner",
    "An owner may do everything.",
    ({ victim }) => victim.names.ownerRole,
  ),
  become(
    "become-login",
    "another tenant's login",
    "It may read and write all rows.",
    ({ victim }) => victim.names.appRole,
  ),
  become(
    "become-own-owner",
    "the owner of its own schema",
    "An owner may grant its tables to anyone, and drop them.",
    ({ attacker }) => attacker.names.ownerRole,
  ),
  become(
    "become-provisioner",
    "the provisioner",
    "It administers every tenant's roles.",
    ({ provisioner }) => provisioner,
  ),
  {
    id: "session-authorization",
    aim: "escape",
    tries: "take on the session of another tenant's login",
    why: "From then on the server takes everything for the other tenant's.",
    source: cve("2024-10978"),
    sql: ({ victim }) => `SET LOCAL SESSION AUTHORIZATION ${identifier(victim.names.appRole)}`,
    control: "administrator",
  },
  {
    id: "set-config-role",
    aim: "escape",
    tries: "become another tenant's owner by set_config",
    why: "A function call passes where a filter looks for SET ROLE.",
    source: cve("2024-10978"),
    sql: ({ victim }) => `SELECT FROM set_config('role', ${literal(victim.names.ownerRole)}, true)`,
    control: "administrator",
  },
  {
    id: "memberships",
    aim: "escape",
    tries: "be a member of any role, but for the groups of its own pool",
    why: "A membership gives a role's rights, or the way to take the role; predefined roles read everything.",
    source: manual("predefined-roles"),
    asks: true,
    sql: ({ attacker }) =>
      `SELECT count(*) FROM ${logins(attacker)}, pg_catalog.pg_roles r
        WHERE r.rolname <> login.name${ownGroups(attacker)} AND pg_has_role(login.name, r.oid, 'MEMBER')`,
    control: "administrator",
  },
  {
    id: "attributes",
    aim: "escape",
    tries: "have SUPERUSER, CREATEROLE, CREATEDB, REPLICATION or BYPASSRLS",
    why: "Each is a way past what keeps tenants apart.",
    source: manual("role-attributes"),
    asks: true,
    sql: ({ attacker }) =>
      `SELECT count(*) FROM ${logins(attacker)} JOIN pg_catalog.pg_roles r ON r.rolname = login.name
        WHERE r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls`,
    control: "administrator",
  },
  {
    id: "grant-owner",
    aim: "escape",
    tries: "make itself a member of another tenant's owner",
    why: "Before version 16 CREATEROLE was enough for it.",
    source: manual("sql-grant"),
    sql: ({ attacker, victim }) =>
      `GRANT ${identifier(victim.names.ownerRole)} TO ${identifier(attacker.names.appRole)}`,
    control: "administrator",
  },
  {
    id: "grant-read-all-data",
    aim: "escape",
    tries: "make itself a member of pg_read_all_data",
    why: "It reads every table of every tenant.",
    source: manual("predefined-roles"),
    sql: ({ attacker }) => `GRANT pg_read_all_data TO ${identifier(attacker.names.appRole)}`,
    control: "administrator",
  },
  giveItself("BYPASSRLS", "Policies no longer hold for it."),
  giveItself("SUPERUSER", "Nothing holds for it."),
  giveItself("CREATEROLE", "It makes logins that no registry knows."),
  {
    id: "create-role",
    aim: "escape",
    tries: "create a role",
    why: "A login that no registry knows outlives its maker.",
    source: manual("sql-createrole"),
    sql: () => `CREATE ROLE ${newName}`,
    control: "administrator",
  },
  {
    id: "change-password",
    aim: "escape",
    tries: "change the password of another tenant's login",
    why: "It logs in as the other tenant, which no longer can.",
    source: alterRole,
    // NULL takes the password away: no password, not even an unused one, is in the statement.
    sql: ({ victim }) => `ALTER ROLE ${identifier(victim.names.appRole)} PASSWORD NULL`,
    control: "administrator",
  },
  {
    id: "close-login",
    aim: "destroy",
    tries: "close another tenant's login",
    why: "The other tenant no longer gets in.",
    source: alterRole,
    sql: ({ victim }) => `ALTER ROLE ${identifier(victim.names.appRole)} NOLOGIN`,
    control: "administrator",
  },
  {
    id: "rename-role",
    aim: "destroy",
    tries: "rename another tenant's login",
    why: "The other tenant no longer gets in.",
    source: alterRole,
    harm: "victim",
    sql: ({ victim }) => `ALTER ROLE ${identifier(victim.names.readOnlyRole)} RENAME TO ${newName}`,
    control: "administrator",
  },
  {
    id: "settings-of-another",
    aim: "write",
    tries: "change the settings of another tenant's login",
    why: "With a search_path of the attacker's, the other tenant's names lead elsewhere from its next login on.",
    source: cve("2018-1058"),
    sql: ({ victim }) => `ALTER ROLE ${identifier(victim.names.appRole)} SET search_path = public`,
    control: "administrator",
  },
];
