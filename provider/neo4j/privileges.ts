/** What a tenant's role may, and what every user of a server may through the role PUBLIC. */
import { quote, type Statement } from "./cypher.ts";

interface Privilege {
  readonly grant: string;
  /** As a server shows it with `AS REVOKE COMMANDS`; several for one that it stores as several. */
  readonly shown: readonly string[];
}

/**
 * All of it ends at the tenant's own database. WRITE alone makes no label, type or property that is not there yet:
 * that is NAME MANAGEMENT; indexes and constraints have privileges of their own.
 * https://neo4j.com/docs/operations-manual/current/authentication-authorization/database-administration/
 */
function tenantPrivileges(database: string, role: string): readonly Privilege[] {
  const [on, to] = [quote(database), quote(role)];
  const both = (what: string) => ({
    grant: `GRANT ${what} TO ${to}`,
    shown: [`REVOKE GRANT ${what} FROM ${to}`],
  });
  return [
    both(`ACCESS ON DATABASE ${on}`),
    {
      grant: `GRANT MATCH {*} ON GRAPH ${on} TO ${to}`,
      shown: ["NODE *", "RELATIONSHIP *"].map((entity) => `REVOKE GRANT MATCH {*} ON GRAPH ${on} ${entity} FROM ${to}`),
    },
    both(`WRITE ON GRAPH ${on}`),
    both(`NAME MANAGEMENT ON DATABASE ${on}`),
    both(`INDEX MANAGEMENT ON DATABASE ${on}`),
    both(`CONSTRAINT MANAGEMENT ON DATABASE ${on}`),
  ];
}

export interface PrivilegeChanges {
  /** What is missing, as the GRANT that brings it. */
  readonly missing: readonly string[];
  /** What is there beyond, as the REVOKE that takes it away. */
  readonly further: readonly string[];
}

/** @param live what a server shows for the role with `AS REVOKE COMMANDS` */
export function tenantChanges(database: string, role: string, live: readonly string[]): PrivilegeChanges {
  const wanted = tenantPrivileges(database, role);
  const known = new Set(wanted.flatMap(({ shown }) => shown));
  return {
    missing: wanted.filter(({ shown }) => shown.some((text) => !live.includes(text))).map(({ grant }) => grant),
    further: live.filter((text) => !known.has(text)),
  };
}

/**
 * Procedures that every user may call: they work within the database of the session. Left out is what shows or
 * touches the server: dbms.queryJmx names the databases, dbms.listConnections and dbms.killConnections reach sessions,
 * APOC reads files and URLs.
 */
export const defaultProcedures: readonly string[] = [
  "db.awaitIndex",
  "db.awaitIndexes",
  "db.create.setNodeVectorProperty",
  "db.create.setRelationshipVectorProperty",
  "db.index.fulltext.awaitEventuallyConsistentIndexRefresh",
  "db.index.fulltext.listAvailableAnalyzers",
  "db.index.fulltext.queryNodes",
  "db.index.fulltext.queryRelationships",
  "db.index.vector.queryNodes",
  "db.index.vector.queryRelationships",
  "db.info",
  "db.labels",
  "db.ping",
  "db.propertyKeys",
  "db.relationshipTypes",
  "db.schema.nodeTypeProperties",
  "db.schema.relTypeProperties",
  "db.schema.visualization",
  "dbms.components",
  "dbms.routing.getRoutingTable",
];

/** What Neo4j gives PUBLIC at first and this tool takes away. */
const defaultsRevoked = [
  "REVOKE GRANT LOAD ON ALL DATA FROM `PUBLIC`",
  "REVOKE GRANT EXECUTE PROCEDURE * ON DBMS FROM `PUBLIC`",
];

/** What Neo4j gives PUBLIC at first and may stay: a tenant's home database is its own. */
const defaultsKept = [
  "REVOKE GRANT ACCESS ON HOME DATABASE FROM `PUBLIC`",
  "REVOKE GRANT EXECUTE FUNCTION * ON DBMS FROM `PUBLIC`",
];

export interface PublicChanges extends PrivilegeChanges {
  /** Defaults of Neo4j that are taken away. */
  readonly defaults: readonly string[];
}

/**
 * @param live what a server shows for PUBLIC with `AS REVOKE COMMANDS`
 * @param procedures allowed beyond the usual ones
 */
export function publicChanges(live: readonly string[], procedures: readonly string[] = []): PublicChanges {
  const allowed = [...new Set([...defaultProcedures, ...procedures])];
  const shown = (procedure: string) => `REVOKE GRANT EXECUTE PROCEDURE ${procedure} ON DBMS FROM \`PUBLIC\``;
  const known = new Set([...defaultsKept, ...defaultsRevoked, ...allowed.map(shown)]);
  const missing = allowed.filter((procedure) => !live.includes(shown(procedure)));
  return {
    missing: missing.length === 0 ? [] : [`GRANT EXECUTE PROCEDURE ${missing.join(", ")} ON DBMS TO \`PUBLIC\``],
    defaults: defaultsRevoked.filter((text) => live.includes(text)),
    // A DENY takes away and opens nothing.
    further: live.filter((text) => !known.has(text) && !text.startsWith("REVOKE DENY ")),
  };
}

/** A statement of `tenantChanges`, `publicChanges` or of the server itself. */
export function privilegeStatement(text: string): Statement {
  return { what: text.startsWith("GRANT") ? "GRANT" : "REVOKE", text };
}
