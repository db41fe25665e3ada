/**
 * What a tenant's roles own or may use outside of their schema. The server notes every role that an ACL, an owner or a
 * policy names in pg_shdepend, for all databases, so that no kind of object is forgotten.
 * https://www.postgresql.org/docs/current/catalog-pg-shdepend.html
 */
import { type Difference, listed } from "./difference.ts";
import { identifier } from "./quote.ts";

export interface Reach {
  readonly role: string;
  readonly by: "right" | "owner" | "policy";
  /** As in `table other.secrets`; empty for objects of another database, which cannot be named from here. */
  readonly object: string;
  /** Kind of object in the words of pg_identify_object. */
  readonly type: string;
  /** Quoted where needed, as statements take it. */
  readonly identity: string;
  readonly privileges: readonly string[];
  /** Name of the other database that the objects lie in. */
  readonly database: string | null;
  /** How many such objects; more than 1 only for another database. */
  readonly count: number;
}

/** With the common tables `ours`, `n`, `d` and `m` of the query in live.ts. */
export const reachSql = `(WITH touched AS MATERIALIZED (
    -- One look by the index for each role: without the fence the server begins with every tenant's entries.
    SELECT o.rolname, o.oid AS role, s.* FROM ours o CROSS JOIN LATERAL (
      SELECT e.dbid, e.classid, e.objid, e.objsubid, e.deptype FROM pg_catalog.pg_shdepend e
      WHERE e.refclassid = 'pg_catalog.pg_authid'::regclass AND e.refobjid = o.oid AND e.deptype IN ('a', 'o', 'r')
        AND e.classid <> 'pg_catalog.pg_auth_members'::regclass OFFSET 0) s)
  SELECT coalesce(json_agg(x ORDER BY x.role, x.object, x.by), '[]') FROM (
    SELECT s.rolname AS role, CASE s.deptype WHEN 'a' THEN 'right' WHEN 'o' THEN 'owner' ELSE 'policy' END AS by,
      pg_describe_object(s.classid, s.objid, s.objsubid) AS object, i.type, i.identity,
      (SELECT coalesce(json_agg(a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END ORDER BY a.privilege_type), '[]')
        FROM aclexplode(CASE s.classid
          WHEN 'pg_catalog.pg_class'::regclass THEN CASE s.objsubid
            WHEN 0 THEN (SELECT relacl FROM pg_catalog.pg_class WHERE oid = s.objid)
            ELSE (SELECT attacl FROM pg_catalog.pg_attribute WHERE attrelid = s.objid AND attnum = s.objsubid) END
          WHEN 'pg_catalog.pg_proc'::regclass THEN (SELECT proacl FROM pg_catalog.pg_proc WHERE oid = s.objid)
          WHEN 'pg_catalog.pg_type'::regclass THEN (SELECT typacl FROM pg_catalog.pg_type WHERE oid = s.objid)
          WHEN 'pg_catalog.pg_namespace'::regclass THEN (SELECT nspacl FROM pg_catalog.pg_namespace WHERE oid = s.objid)
          WHEN 'pg_catalog.pg_language'::regclass THEN (SELECT lanacl FROM pg_catalog.pg_language WHERE oid = s.objid)
          WHEN 'pg_catalog.pg_database'::regclass THEN (SELECT datacl FROM pg_catalog.pg_database WHERE oid = s.objid)
          WHEN 'pg_catalog.pg_tablespace'::regclass THEN (SELECT spcacl FROM pg_catalog.pg_tablespace WHERE oid = s.objid)
          WHEN 'pg_catalog.pg_foreign_server'::regclass THEN (SELECT srvacl FROM pg_catalog.pg_foreign_server WHERE oid = s.objid)
          WHEN 'pg_catalog.pg_foreign_data_wrapper'::regclass
            THEN (SELECT fdwacl FROM pg_catalog.pg_foreign_data_wrapper WHERE oid = s.objid)
          WHEN 'pg_catalog.pg_largeobject'::regclass THEN (SELECT lomacl FROM pg_catalog.pg_largeobject_metadata WHERE oid = s.objid)
          WHEN 'pg_catalog.pg_parameter_acl'::regclass THEN (SELECT paracl FROM pg_catalog.pg_parameter_acl WHERE oid = s.objid)
          END) a WHERE a.grantee = s.role AND s.deptype = 'a') AS privileges,
      NULL AS database, 1 AS count
    FROM touched s CROSS JOIN d CROSS JOIN pg_identify_object(s.classid, s.objid, s.objsubid) i
    WHERE s.dbid IN (0, d.oid) AND i.schema IS DISTINCT FROM $1
      AND NOT EXISTS (SELECT FROM m WHERE m.classid = s.classid AND m.objid = s.objid)
      AND NOT (s.classid = 'pg_catalog.pg_namespace'::regclass AND s.objid IN (SELECT oid FROM n))
      AND NOT (s.classid = 'pg_catalog.pg_database'::regclass AND s.objid = d.oid AND s.deptype = 'a')
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_default_acl f
        WHERE s.classid = 'pg_catalog.pg_default_acl'::regclass AND f.oid = s.objid AND f.defaclrole IN (SELECT oid FROM ours))
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid, n
        WHERE s.classid = 'pg_catalog.pg_policy'::regclass AND p.oid = s.objid AND c.relnamespace = n.oid)
    UNION ALL
    SELECT s.rolname, CASE s.deptype WHEN 'a' THEN 'right' WHEN 'o' THEN 'owner' ELSE 'policy' END, '', '', '', '[]'::json,
      other.datname, count(*)
    FROM touched s JOIN pg_catalog.pg_database other ON other.oid = s.dbid CROSS JOIN d
    WHERE s.dbid <> d.oid GROUP BY s.rolname, s.deptype, other.datname) x)`;

/** The words of REVOKE for each kind; https://www.postgresql.org/docs/current/sql-revoke.html */
const keywords: Readonly<Record<string, string>> = {
  table: "TABLE",
  view: "TABLE",
  "materialized view": "TABLE",
  "foreign table": "TABLE",
  sequence: "SEQUENCE",
  function: "FUNCTION",
  procedure: "PROCEDURE",
  aggregate: "FUNCTION",
  type: "TYPE",
  schema: "SCHEMA",
  language: "LANGUAGE",
  database: "DATABASE",
  tablespace: "TABLESPACE",
  server: "FOREIGN SERVER",
  "foreign-data wrapper": "FOREIGN DATA WRAPPER",
  "large object": "LARGE OBJECT",
  "parameter ACL": "PARAMETER",
};

/** @param beyond - what the roles are not to reach */
export function reachDifferences(reach: readonly Reach[], beyond = "outside of its schema"): Difference[] {
  return reach.map((entry) => {
    const { role, by, type, object, database } = entry;
    const place = database === null ? object : `${entry.count} objects of the database ${database}`;
    const told = { field: `role ${role}: ${place}`, should: `nothing ${beyond}` };
    if (by === "owner") {
      return {
        ...told,
        sentence: `the role ${role} owns ${place}, ${beyond}`,
        is: "owner",
        byHand: [
          database === null
            ? `-- give it to another role, or remove it: ALTER ${(keywords[type] ?? type).toUpperCase()} ${entry.identity} OWNER TO …;`
            : `-- in the database ${database}: REASSIGN OWNED BY ${identifier(role)} TO …;`,
        ],
      };
    }
    if (by === "policy") {
      return {
        ...told,
        sentence: `the role ${role} is named by ${place}, ${beyond}`,
        is: "named",
        byHand: [`-- change or remove ${place}`],
      };
    }
    const rights = listed(entry.privileges, "rights");
    const revoke = revokeSql(entry);
    return {
      ...told,
      sentence: `the role ${role} has ${rights} on ${place}, ${beyond}`,
      is: rights,
      ...(revoke === undefined
        ? { byHand: [revokeAdvice(entry)] }
        : // Another role granted it, and its owner or a superuser alone takes it away.
          { asAdministrator: [revoke] }),
    };
  });
}

function revokeSql({ role, type, identity, database }: Reach): string | undefined {
  if (database !== null) return undefined;
  const column = type === "table column" ? /^(.*)\.("(?:[^"]|"")+"|[^."]+)$/.exec(identity) : null;
  if (column !== null) {
    return `REVOKE ALL (${column[2] ?? ""}) ON TABLE ${column[1] ?? ""} FROM ${identifier(role)} CASCADE;`;
  }
  const keyword = keywords[type];
  return keyword === undefined ? undefined : `REVOKE ALL ON ${keyword} ${identity} FROM ${identifier(role)} CASCADE;`;
}

function revokeAdvice({ role, object, database }: Reach): string {
  return database === null
    ? `-- take from ${identifier(role)}: ${object}`
    : `-- in the database ${database}: REVOKE ALL ON … FROM ${identifier(role)};`;
}
