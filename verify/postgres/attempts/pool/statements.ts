/** Parts of statements between two members of a pool. */
import { auditTable } from "../../../../provider/postgres/pool-sql.ts";
import { identifier, literal } from "../../../../provider/postgres/quote.ts";
import { ProbeError } from "../../../attempt.ts";
import { manual } from "../../recipe.ts";
import type { PoolSide, Written } from "../../pool-side.ts";
import { missingName, type Scene, type Side } from "../../scene.ts";

export const rowSecurity = manual("ddl-rowsecurity");

/** @throws ProbeError for a tenant with a schema of its own */
export function placeOf(side: Side): PoolSide {
  if (side.pool === undefined) throw new ProbeError("the tenant is in no pool");
  return side.pool;
}

/** A table or function of the victim's pool. */
export function inPool({ victim }: Scene, name: string): string {
  return `${identifier(victim.names.schema)}.${identifier(name)}`;
}

/** The table that attempts write to. */
export function table(scene: Scene): string {
  return inPool(scene, placeOf(scene.victim).table);
}

export function audit(scene: Scene): string {
  return inPool(scene, auditTable);
}

export function victimId({ victim }: Scene): string {
  return literal(placeOf(victim).tenantId);
}

export function attackerId({ attacker }: Scene): string {
  return literal(placeOf(attacker).tenantId);
}

/** In how many tables of the pool a row of the victim's is seen; NULL where it has no row at all. */
export function seesVictim(scene: Scene): string {
  const { tables, filled } = placeOf(scene.victim);
  const each = tables.map(
    (name) => `EXISTS (SELECT FROM ${inPool(scene, name)} WHERE tenant_id = ${victimId(scene)})::int`,
  );
  const sum = each.length === 0 ? "0" : each.join(" + ");
  return filled ? `SELECT ${sum}` : `SELECT nullif(${sum}, 0)`;
}

/** Inserts a row of the victim's under a `tenant_id`. */
export function insertRow(scene: Scene, { table: name, columns, row }: Written, tenantId: string): string {
  const list = columns.map((column) => identifier(column)).join(", ");
  return (
    `INSERT INTO ${inPool(scene, name)} (${list}) OVERRIDING SYSTEM VALUE SELECT ${list} FROM ` +
    `jsonb_populate_record(NULL::${inPool(scene, name)}, ${literal(row)}::jsonb || jsonb_build_object('tenant_id', ${tenantId}))`
  );
}

/** The victim's row in the table that is written to. */
export function mainRow({ victim }: Scene): Written {
  const { table: name, columns, row } = placeOf(victim);
  return { table: name, columns, row };
}

/** Its key, as a condition. */
export function isThatRow(scene: Scene): string {
  const { keys, row } = placeOf(scene.victim);
  const from = `jsonb_populate_record(NULL::${table(scene)}, ${literal(row)}::jsonb)`;
  return keys.map((key) => `${identifier(key)} = (${from}).${identifier(key)}`).join(" AND ");
}

/** As an administrator: becomes whoever may work for the victim, in the victim's context. */
export function forVictim(scene: Scene): string {
  const { application, appGroup } = placeOf(scene.victim);
  const isThere = application !== missingName;
  const login = isThere ? application : scene.provisioner;
  const role = isThere ? appGroup : scene.victim.names.ownerRole;
  return `SET LOCAL SESSION AUTHORIZATION ${identifier(login)}; SET LOCAL ROLE ${identifier(role)}; ${setContext(scene, victimId(scene))}`;
}

export function setContext(scene: Scene, tenantId: string): string {
  return `SELECT ${inPool(scene, "set_tenant_context")}(${tenantId}::uuid)`;
}

/** Whether the session may do what the owner of the table may. */
export function ownsTable(scene: Scene): string {
  return `SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_catalog.pg_class WHERE oid = ${literal(table(scene))}::regclass`;
}

export function holdsOnTable(scene: Scene, right: "TRUNCATE" | "TRIGGER"): string {
  return `SELECT has_table_privilege(current_user, ${literal(table(scene))}::regclass, '${right}')`;
}

export function createsInPool(scene: Scene): string {
  return `SELECT has_schema_privilege(current_user, ${literal(scene.victim.names.schema)}, 'CREATE')`;
}
