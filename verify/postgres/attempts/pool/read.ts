/** Attempts to see another member's rows, straight and by side effects. */
import { identifier, literal } from "../../../../provider/postgres/quote.ts";
import { cve, manual, type Login, type Recipe } from "../../recipe.ts";
import { newName, type Scene } from "../../scene.ts";
import { audit, inPool, placeOf, rowSecurity, seesVictim, table, victimId } from "./statements.ts";

const setConfig = manual("functions-admin");

/** Looks for the victim's rows after a first statement. */
function lookAfter(
  id: string,
  tries: string,
  why: string,
  first: (scene: Scene) => string | undefined,
  more: { readonly source?: string; readonly login?: Login } = {},
): Recipe {
  return {
    id: `pool-${id}`,
    aim: "read",
    tries,
    why,
    source: more.source ?? rowSecurity,
    between: "pool",
    asks: true,
    ...(more.login === undefined ? {} : { login: more.login }),
    sql: (scene) => [first(scene), seesVictim(scene)].filter((part) => part !== undefined).join("; "),
    control: "victim",
  };
}

const spoofed = "A policy that goes by a setting alone is passed by whoever can run SQL.";
const whole = "The rows of all members lie in the same tables.";

/** An error that only a row of the victim's can cause; the division at the end comes where there was none. */
const end = "SELECT 1 / (current_user IS NULL)::int";

export const poolReadRecipes: readonly Recipe[] = [
  lookAfter("select", "read rows of another member of its pool", whole, () => undefined),
  lookAfter("select-read-only", "read rows of another member with its read-only login", whole, () => undefined, {
    login: "readOnly",
  }),
  lookAfter(
    "set-config",
    "name another member as its tenant by set_config",
    spoofed,
    (scene) => `SELECT set_config('app.tenant_id', ${victimId(scene)}, false)`,
    { source: setConfig },
  ),
  lookAfter(
    "set",
    "name another member as its tenant by SET",
    spoofed,
    (scene) => `SET app.tenant_id = ${victimId(scene)}`,
    { source: manual("sql-set") },
  ),
  lookAfter(
    "set-local",
    "name another member as its tenant by SET LOCAL",
    spoofed,
    (scene) => `SET LOCAL app.tenant_id = ${victimId(scene)}`,
    { source: manual("sql-set") },
  ),
  lookAfter(
    "set-read-only",
    "name another member as its tenant with its read-only login",
    spoofed,
    (scene) => `SET LOCAL app.tenant_id = ${victimId(scene)}`,
    { source: manual("sql-set"), login: "readOnly" },
  ),
  lookAfter(
    "set-malformed",
    "break the policy with a tenant that is no uuid",
    "A condition that fails open, or a cast that fails, shows rows or stops the application.",
    () => "SET LOCAL app.tenant_id = 'not-a-uuid'",
    { source: manual("sql-set") },
  ),
  {
    ...lookAfter("startup-options", "name another member as its tenant when it connects", spoofed, () => undefined, {
      source: manual("libpq-connect"),
    }),
    options: (scene) => `-c app.tenant_id=${placeOf(scene.victim).tenantId}`,
  },
  {
    ...lookAfter(
      "role-setting",
      "keep another member's id in the settings of its own login",
      "A setting of the role is there from the next login on, before any statement of the application.",
      (scene) => `ALTER ROLE CURRENT_USER SET app.tenant_id = ${victimId(scene)}`,
      { source: manual("sql-alterrole") },
    ),
    // Nobody but an administrator keeps a setting that no library has declared.
    expected: ["42501", "nothing"],
    control: "administrator",
  },
  {
    id: "pool-row-security-off",
    aim: "read",
    tries: "switch row-level security off for its session",
    why: "With row_security off a policy is an error or nothing: it must be an error.",
    source: manual("runtime-config-client"),
    between: "pool",
    asks: true,
    expected: ["42501"],
    sql: (scene) => `SET LOCAL row_security = off; ${seesVictim(scene)}`,
    control: "administrator",
  },
  {
    id: "pool-prepared",
    aim: "read",
    tries: "carry a prepared statement into another member's context",
    why: "A plan that was made for one tenant must not be used for the next one.",
    source: cve("2024-10976"),
    between: "pool",
    asks: true,
    // A generic plan is what is kept; and the text of what is prepared goes with its connection.
    options: () => "-c plan_cache_mode=force_generic_plan",
    sql: (scene) =>
      `DEALLOCATE ALL; PREPARE ${newName} (uuid) AS ${seesVictim(scene).replaceAll(victimId(scene), "$1")}; ` +
      `SET LOCAL app.tenant_id = ${victimId(scene)}; EXECUTE ${newName} (${victimId(scene)})`,
    control: "victim",
  },
  {
    id: "pool-cursor",
    aim: "read",
    tries: "carry an open cursor into another member's context",
    why: "A cursor goes on with what it was opened with.",
    source: manual("sql-declare"),
    between: "pool",
    asks: true,
    canaryOnly: true,
    sql: (scene) =>
      `DECLARE ${newName} CURSOR FOR SELECT true FROM ${table(scene)} WHERE tenant_id = ${victimId(scene)}; ` +
      `SET LOCAL app.tenant_id = ${victimId(scene)}; FETCH 1 FROM ${newName}`,
    control: "victim",
  },
  {
    id: "pool-division-by-zero",
    aim: "read",
    tries: "make an error of another member's rows by a division in WHERE",
    why: "A condition that runs before the policy tells by its error what the policy hides.",
    source: manual("rules-privileges"),
    between: "pool",
    asks: true,
    canaryOnly: true,
    leakCode: "22012",
    sql: (scene) =>
      `SELECT 0 * count(*) FROM ${table(scene)} WHERE tenant_id = ${victimId(scene)} AND 1 / (tenant_id <> ${victimId(scene)})::int = 1`,
    control: "victim",
  },
  {
    id: "pool-cast-error",
    aim: "read",
    tries: "read another member's values out of the error of a cast",
    why: "The message of a failed cast quotes the value.",
    source: manual("rules-privileges"),
    between: "pool",
    asks: true,
    canaryOnly: true,
    leakCode: "22P02",
    sql: (scene) =>
      `SELECT 0 * count(*) FROM ${table(scene)} WHERE tenant_id = ${victimId(scene)} AND ('x' || tenant_id::text)::int = 1`,
    control: "victim",
  },
  {
    id: "pool-copy-out",
    aim: "read",
    tries: "copy another member's rows out",
    why: "COPY is a way of its own to read a table.",
    source: manual("sql-copy"),
    between: "pool",
    canaryOnly: true,
    // The division after it: nothing was copied.
    expected: ["22012"],
    leakCode: "22P02",
    sql: (scene) =>
      `COPY (SELECT ('x' || tenant_id::text)::int FROM ${table(scene)} WHERE tenant_id = ${victimId(scene)}) TO STDOUT; ${end}`,
    control: "victim",
  },
  {
    id: "pool-ctid",
    aim: "read",
    tries: "read rows by their place in the file",
    why: "A scan by row address finds rows without any condition on the tenant.",
    source: manual("ddl-system-columns"),
    between: "pool",
    asks: true,
    canaryOnly: true,
    sql: (scene) =>
      `SELECT count(*) FROM ${table(scene)} WHERE ctid = ANY (ARRAY(SELECT format('(%s,%s)', page, line)::tid
        FROM generate_series(0, 4) AS page, generate_series(1, 100) AS line)) AND tenant_id = ${victimId(scene)}`,
    // The rows may lie elsewhere, but not for an administrator who looks everywhere.
    controlSql: (scene) =>
      `SELECT count(*) FROM ${table(scene)} WHERE ctid >= '(0,0)'::tid AND tenant_id = ${victimId(scene)}`,
    control: "administrator",
  },
  {
    id: "pool-view",
    aim: "read",
    tries: "read another member's rows through a view of the pool",
    why: "A view without security_invoker reads with its owner's rights.",
    source: manual("sql-createview"),
    between: "pool",
    asks: true,
    // Of a pool without a view.
    expected: ["nothing", "42P01"],
    sql: (scene) => {
      const count = `count(*) FILTER (WHERE to_jsonb(tenancy_row)->>'tenant_id' = ${victimId(scene)})`;
      return `SELECT nullif(${count}, 0) FROM ${inPool(scene, placeOf(scene.victim).view)} tenancy_row`;
    },
    needs: "view",
    control: "victim",
  },
  {
    id: "pool-partition",
    aim: "read",
    tries: "read a partition of a shared table by its own name",
    why: "A partition has rights and policies of its own: those of its parent do not hold for it.",
    source: manual("ddl-partitioning"),
    between: "pool",
    // Of a pool without partitions.
    expected: ["42501", "42P01"],
    sql: (scene) => `SELECT FROM ${inPool(scene, placeOf(scene.victim).partition)} LIMIT 0`,
    needs: "partition",
    control: "administrator",
  },
  {
    id: "pool-select-for-update",
    aim: "exhaust",
    tries: "lock rows of another member",
    why: "A locked row stops the other application's writes.",
    source: manual("explicit-locking"),
    between: "pool",
    harm: "victim",
    asks: true,
    sql: (scene) =>
      `WITH locked AS (SELECT FROM ${table(scene)} WHERE tenant_id = ${victimId(scene)} FOR UPDATE) SELECT count(*) FROM locked`,
    control: "victim",
  },
  {
    id: "pool-select-for-key-share",
    aim: "exhaust",
    tries: "lock the keys of another member's rows",
    why: "A locked key keeps the other application from deleting the row.",
    source: manual("explicit-locking"),
    between: "pool",
    harm: "victim",
    asks: true,
    sql: (scene) =>
      `WITH locked AS (SELECT FROM ${table(scene)} WHERE tenant_id = ${victimId(scene)} FOR KEY SHARE) SELECT count(*) FROM locked`,
    control: "victim",
  },
  {
    id: "pool-statistics",
    aim: "observe",
    tries: "find sampled values of shared tables in pg_stats",
    why: "The most common values of a shared column are values of every member's rows.",
    source: cve("2017-7484"),
    between: "pool",
    asks: true,
    sql: ({ victim }) =>
      `SELECT nullif(count(*), 0) FROM pg_catalog.pg_stats WHERE schemaname = ${literal(victim.names.schema)}`,
    // Nothing has to have been sampled yet.
    control: "administrator",
  },
  {
    id: "pool-audit-read",
    aim: "read",
    tries: "read what the audit recorded of another member",
    why: "It holds every row that was ever changed, before and after.",
    source: rowSecurity,
    between: "pool",
    asks: true,
    sql: (scene) => `SELECT nullif(EXISTS (SELECT FROM ${audit(scene)} WHERE tenant_id = ${victimId(scene)})::int, 0)`,
    control: "victim",
  },
  {
    id: "pool-sequence-value",
    aim: "observe",
    tries: "read how many changes all members have made, from the audit's sequence",
    why: "Two looks tell how much business the others did in between.",
    source: manual("functions-sequence"),
    between: "pool",
    sql: (scene) => `SELECT last_value FROM ${inPool(scene, "audit_log_id_seq")}`,
    control: "administrator",
  },
  ...(["tenancy_members", "tenancy_logins"] as const).map((name): Recipe => ({
    id: `pool-${name.replace("tenancy_", "")}-read`,
    aim: "observe",
    tries: `read ${name}, which says who is in the pool`,
    why: "Names and ids of all other customers stand there.",
    source: rowSecurity,
    between: "pool",
    sql: ({ victim }) => `SELECT FROM ${identifier(victim.names.schema)}.${name} LIMIT 0`,
    control: "administrator",
  })),
];
