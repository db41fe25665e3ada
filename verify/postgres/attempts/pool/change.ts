/** Attempts to change what keeps a pool's members apart: policies, functions, membership, the audit. */
import { identifier, literal } from "../../../../provider/postgres/quote.ts";
import { cve, manual, type Recipe } from "../../recipe.ts";
import { newName, type Scene } from "../../scene.ts";
import {
  attackerId,
  audit,
  createsInPool,
  forVictim,
  holdsOnTable,
  inPool,
  insertRow,
  isThatRow,
  mainRow,
  ownsTable,
  placeOf,
  rowSecurity,
  table,
  victimId,
} from "./statements.ts";

/** What everyone in the pool would feel: it is asked first, and made for real on embedded servers only. */
function change(
  id: string,
  tries: string,
  why: string,
  source: string,
  sql: (scene: Scene) => string,
  dry: (scene: Scene) => string,
): Recipe {
  return {
    id: `pool-${id}`,
    aim: "escape",
    tries,
    why,
    source,
    between: "pool",
    harm: "server",
    sql,
    dry,
    control: "administrator",
  };
}

const alterTable = manual("sql-altertable");
const policies = "With it the policy is gone for every member at once.";

/** Inserts a row of its own, and asks whether it is there and the audit has nothing of it. */
function unrecorded(scene: Scene): string {
  return (
    `${insertRow(scene, mainRow(scene), attackerId(scene))} ON CONFLICT DO NOTHING; ` +
    `SELECT EXISTS (SELECT FROM ${table(scene)} WHERE tenant_id = ${attackerId(scene)} AND ${isThatRow(scene)}) ` +
    `AND NOT EXISTS (SELECT FROM ${audit(scene)} WHERE tenant_id = ${attackerId(scene)} AND login = session_user ` +
    `AND at >= transaction_timestamp() AND table_name = ${literal(placeOf(scene.victim).table)})`
  );
}

export const poolChangeRecipes: readonly Recipe[] = [
  change(
    "disable-row-security",
    "switch row-level security off for a shared table",
    policies,
    alterTable,
    (scene) => `ALTER TABLE ${table(scene)} DISABLE ROW LEVEL SECURITY`,
    ownsTable,
  ),
  change(
    "no-force-row-security",
    "waive row-level security for the owner of a shared table",
    policies,
    alterTable,
    (scene) => `ALTER TABLE ${table(scene)} NO FORCE ROW LEVEL SECURITY`,
    ownsTable,
  ),
  change(
    "drop-policy",
    "drop the policy of a shared table",
    policies,
    manual("sql-droppolicy"),
    (scene) => `DROP POLICY tenant_isolation ON ${table(scene)}`,
    ownsTable,
  ),
  change(
    "alter-policy",
    "make the policy of a shared table true for every row",
    policies,
    manual("sql-alterpolicy"),
    (scene) => `ALTER POLICY tenant_isolation ON ${table(scene)} USING (true)`,
    ownsTable,
  ),
  change(
    "add-policy",
    "add a policy to a shared table that shows every row",
    "Permissive policies are joined by OR.",
    manual("sql-createpolicy"),
    (scene) => `CREATE POLICY ${newName} ON ${table(scene)} USING (true)`,
    ownsTable,
  ),
  change(
    "disable-audit",
    "switch the audit of a shared table off",
    "What was done cannot be found afterwards.",
    alterTable,
    (scene) => `ALTER TABLE ${table(scene)} DISABLE TRIGGER ALL`,
    ownsTable,
  ),
  change(
    "trigger",
    "put a trigger on a shared table",
    "It runs with the rights of whoever writes, that is as every other member.",
    manual("sql-createtrigger"),
    (scene) =>
      `CREATE TRIGGER ${newName} BEFORE UPDATE ON ${table(scene)} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
    (scene) => holdsOnTable(scene, "TRIGGER"),
  ),
  change(
    "rule",
    "put a rule on a shared table",
    "It rewrites the statements of every other member.",
    manual("sql-createrule"),
    (scene) => `CREATE RULE ${newName} AS ON INSERT TO ${table(scene)} DO ALSO NOTIFY ${newName}`,
    ownsTable,
  ),
  change(
    "replace-function",
    "replace the function that says whose rows are seen",
    "All policies ask it.",
    manual("sql-createfunction"),
    (scene) =>
      `CREATE OR REPLACE FUNCTION ${inPool(scene, "current_tenant_id")}() RETURNS uuid LANGUAGE sql STABLE AS ${literal(`SELECT ${victimId(scene)}::uuid`)}`,
    createsInPool,
  ),
  change(
    "create-table",
    "create a table in the pool's schema",
    "A table there has no policy, and is found by every member's search_path.",
    cve("2018-1058"),
    (scene) => `CREATE TABLE ${inPool(scene, newName)} (tenant_id uuid)`,
    createsInPool,
  ),
  change(
    "create-view",
    "create a view in the pool's schema",
    "It reads with its owner's rights unless it says otherwise.",
    manual("sql-createview"),
    (scene) => `CREATE VIEW ${inPool(scene, newName)} AS SELECT 1 AS one`,
    createsInPool,
  ),
  change(
    "create-function",
    "create a function in the pool's schema",
    "It is found by every member's search_path, before or beside the one that was meant.",
    cve("2018-1058"),
    (scene) => `CREATE FUNCTION ${inPool(scene, newName)}(text) RETURNS boolean LANGUAGE sql AS 'SELECT true'`,
    createsInPool,
  ),
  {
    id: "pool-shadow-members",
    aim: "escape",
    tries: "hide the pool's list of members behind a temporary table",
    why: "Temporary tables come before all others where a function does not name its schemas.",
    source: cve("2018-1058"),
    between: "pool",
    sql: () => `CREATE TEMPORARY TABLE tenancy_members (tenant_id uuid, active boolean)`,
    control: "administrator",
  },
  {
    id: "pool-references",
    aim: "observe",
    tries: "hold REFERENCES on a shared table",
    why: "A foreign key from a table of its own tells for each value whether any member has it.",
    source: manual("ddl-priv"),
    between: "pool",
    asks: true,
    sql: (scene) =>
      `SELECT count(*) FROM pg_catalog.pg_class c WHERE c.relnamespace = ${literal(scene.victim.names.schema)}::regnamespace ` +
      `AND c.relkind IN ('r', 'p') AND has_any_column_privilege(current_user, c.oid, 'REFERENCES')`,
    control: "administrator",
  },
  ...(["tenancy_members", "tenancy_logins"] as const).map((name): Recipe => ({
    id: `pool-${name.replace("tenancy_", "")}-write`,
    aim: "escape",
    tries: `write ${name}, which says whose rows a login sees`,
    why: "Whoever writes it is any tenant it likes.",
    source: rowSecurity,
    between: "pool",
    sql: (scene) => `UPDATE ${inPool(scene, name)} SET tenant_id = ${victimId(scene)} WHERE false`,
    control: "administrator",
  })),
  {
    id: "pool-audit-forge",
    aim: "write",
    tries: "forge an entry of the audit",
    why: "A record that members can write proves nothing.",
    source: manual("ddl-priv"),
    between: "pool",
    sql: (scene) =>
      `INSERT INTO ${audit(scene)} (tenant_id, login, action, table_name) SELECT ${attackerId(scene)}, session_user, 'DELETE', 'nothing' WHERE false`,
    control: "administrator",
  },
  {
    id: "pool-audit-change",
    aim: "write",
    tries: "change entries of the audit, its own included",
    why: "A record that members can change proves nothing.",
    source: manual("ddl-priv"),
    between: "pool",
    sql: (scene) => `UPDATE ${audit(scene)} SET actor = NULL WHERE false`,
    control: "administrator",
  },
  {
    id: "pool-audit-delete",
    aim: "destroy",
    tries: "delete entries of the audit, its own included",
    why: "What was done cannot be found afterwards.",
    source: manual("ddl-priv"),
    between: "pool",
    sql: (scene) => `DELETE FROM ${audit(scene)} WHERE false`,
    control: "administrator",
  },
  {
    id: "pool-audit-call",
    aim: "write",
    tries: "call the function that writes the audit",
    why: "It writes with its owner's rights whatever it is given.",
    source: manual("plpgsql-trigger"),
    between: "pool",
    // Past the right to call it stands that it is a trigger's.
    leakCode: "0A000",
    sql: (scene) => `SELECT ${inPool(scene, "tenancy_audit")}()`,
    control: "administrator",
  },
  {
    id: "pool-audit-erasing",
    aim: "escape",
    tries: "write without a trace, as the removal of a tenant does",
    why: "The setting that the removal uses must count for the provisioner alone.",
    source: manual("runtime-config-custom"),
    between: "pool",
    harm: "victim",
    asks: true,
    sql: (scene) => `SET LOCAL tenancy.erasing = 'on'; ${unrecorded(scene)}`,
    controlSql: (scene) =>
      `SET LOCAL SESSION AUTHORIZATION ${identifier(scene.provisioner)}; SET LOCAL ROLE ${identifier(scene.victim.names.ownerRole)}; ` +
      `SELECT ${inPool(scene, "set_tenant_context")}(${victimId(scene)}::uuid); SET LOCAL tenancy.erasing = 'on'; ` +
      `UPDATE ${table(scene)} SET tenant_id = tenant_id WHERE ${isThatRow(scene)}; ` +
      `SELECT NOT EXISTS (SELECT FROM ${audit(scene)} WHERE login = session_user AND at >= transaction_timestamp())`,
    control: "administrator",
  },
  {
    id: "pool-setval",
    aim: "destroy",
    tries: "set a sequence of the pool back",
    why: "The next entry of every member meets a key that is taken.",
    source: manual("functions-sequence"),
    between: "pool",
    harm: "server",
    sql: (scene) => `SELECT FROM setval(${literal(inPool(scene, "audit_log_id_seq"))}, 1, false)`,
    dry: (scene) =>
      `SELECT has_sequence_privilege(current_user, ${literal(inPool(scene, "audit_log_id_seq"))}, 'UPDATE')`,
    control: "administrator",
  },
  {
    id: "pool-set-context",
    aim: "escape",
    tries: "set another member as its context, as the trusted login does",
    why: "A login that has a tenant for good must not be able to choose one.",
    source: rowSecurity,
    between: "pool",
    sql: (scene) => `SELECT ${inPool(scene, "set_tenant_context")}(${victimId(scene)}::uuid)`,
    prelude: forVictim,
    control: "administrator",
  },
  {
    id: "pool-set-context-read-only",
    aim: "escape",
    tries: "set another member as its context with its read-only login",
    why: "A login that has a tenant for good must not be able to choose one.",
    source: rowSecurity,
    between: "pool",
    login: "readOnly",
    sql: (scene) => `SELECT ${inPool(scene, "set_tenant_context")}(${victimId(scene)}::uuid)`,
    prelude: forVictim,
    control: "administrator",
  },
];
