/** Who attacks whom in one attempt, and the names that its statements are made of. */
import type { PostgresNames } from "../../components/naming.ts";
import { identifier, literal } from "../../provider/postgres/quote.ts";
import type { PoolSide } from "./pool-side.ts";

/** One object of each kind in a tenant's schema; `missingName` where the schema has none. */
export interface Objects {
  readonly table: string;
  /** First column of the table. */
  readonly column: string;
  readonly view: string;
  readonly sequence: string;
  /** An enum. */
  readonly type: string;
  /** Function without arguments that is no trigger's. */
  readonly routine: string;
}
export type ObjectKind = keyof Objects;

/**
 * What is named where there is nothing of a kind: a schema that is closed refuses before it says whether an object is
 * there, so that the attempt means the same.
 */
export const missingName = "nothing_of_this_kind";

/** Of a tenant in a database that the attacker is not in. */
export const noObjects: Objects = {
  ...{ table: missingName, column: missingName, view: missingName },
  ...{ sequence: missingName, type: missingName, routine: missingName },
};

export interface Side {
  readonly names: PostgresNames;
  readonly objects: Objects;
  /** Of a tenant in a pool. */
  readonly pool?: PoolSide;
}

export interface Scene {
  readonly attacker: Side;
  readonly victim: Side;
  /** The victim's: the shared one, or one of its own. */
  readonly database: string;
  readonly provisioner: string;
  /** An extension that the server offers and the database has not; `missingName` where there is none. */
  readonly extension: string;
  /** Process id of a session of the victim's. */
  readonly pid: number;
}

/** Quoted name of an object in a side's schema. */
export function at(side: Side, kind: ObjectKind): string {
  return `${identifier(side.names.schema)}.${identifier(side.objects[kind])}`;
}

/** Name that an attempt would give to what it makes; everything is rolled back. */
export const newName = "tenancy_verify";

/** The schema's OID, without a look into the schema: an unknown one is NULL. */
export function schemaOid(side: Side): string {
  return `(SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ${literal(side.names.schema)})`;
}

/**
 * Rows of the session's own login and of the side's read-only login, as `login (name)`. In an administrator's control
 * the first of them is the administrator.
 */
export function logins(side: Side): string {
  return `(VALUES (current_user), (${literal(side.names.readOnlyRole)}::name)) AS login (name)`;
}

const example = (word: string): Side => ({
  names: { schema: word, ownerRole: `${word}_owner`, appRole: `${word}_app`, readOnlyRole: `${word}_ro` },
  objects: { table: "records", column: "id", view: "overview", sequence: "numbers", type: "mood", routine: "answer" },
});

/** Stands for any two tenants in `how`. */
export const exampleScene: Scene = {
  attacker: example("attacker"),
  victim: example("victim"),
  database: "tenants",
  provisioner: "provisioner",
  extension: "hstore",
  pid: 4711,
};

const poolExample = (word: string): Side => ({
  names: { schema: "pool", ownerRole: "pool_owner", appRole: `${word}_app`, readOnlyRole: `${word}_ro` },
  objects: { table: "records", column: "id", view: "overview", sequence: "numbers", type: "mood", routine: "answer" },
  pool: {
    ...{ name: "pool", appGroup: "pool_app", readOnlyGroup: "pool_ro", tenantId: word, application: "application" },
    ...{ tables: ["records"], table: "records", keys: ["id"], columns: ["tenant_id", "id"], row: `a row of ${word}` },
    child: { table: "details", columns: ["tenant_id", "record"], row: `a detail of ${word}` },
    ...{ partition: "records_p0", view: "overview", filled: true },
  },
});

/** Stands for any two tenants of one pool in `how`. */
export const examplePoolScene: Scene = {
  ...exampleScene,
  attacker: poolExample("attacker"),
  victim: poolExample("victim"),
};
