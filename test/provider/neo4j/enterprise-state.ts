/** What the tests' Enterprise server holds: the table of enterprise-table.ts reads and changes it, and so do tests. */
import { type Answer, type Call, type Failure, type Row, unauthorized } from "../../support/bolt-server.ts";
import { databaseNotFound, forbidden } from "./failures.ts";

export interface User {
  password: string;
  roles: Set<string>;
  change: boolean;
  suspended: boolean;
  home: string | null;
}

export interface DatabaseState {
  requested: string;
  current: string;
  message: string;
  aliases: string[];
  nodes: number;
}

export interface Names {
  readonly database: string;
  readonly role: string;
  readonly username: string;
}

export const admin = { user: "neo4j", password: "planted-admin-password" };

export const publicDefaults = [
  "ACCESS ON HOME DATABASE",
  "EXECUTE FUNCTION * ON DBMS",
  "EXECUTE PROCEDURE * ON DBMS",
  "LOAD ON ALL DATA",
];

export const allowedProcedures = [
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

export class EnterpriseState {
  edition = "enterprise";
  version = "2026.08.1";
  limit = "100";
  readonly databases = new Map<string, DatabaseState>();
  readonly users = new Map<string, User>();
  /** Privileges of each role as `ACCESS ON DATABASE \`x\``; of PUBLIC, too. */
  readonly roles = new Map<string, Set<string>>([["PUBLIC", new Set(publicDefaults)]]);
  readonly connections = new Map<string, string>();
  /** Answers instead of the table's, by the statement's text. */
  readonly instead = new Map<string, Answer>();

  constructor() {
    for (const name of ["neo4j", "system"]) this.databases.set(name, online());
  }

  login(user: string, password: string): Failure | undefined {
    const isAdmin = user === admin.user && password === admin.password;
    const known = this.users.get(user);
    return isAdmin || (known?.password === password && !known.suspended) ? undefined : unauthorized;
  }

  /** Whether who is logged in may use the database. */
  enter({ user, database }: Call): Answer {
    const roles = [...(this.users.get(user)?.roles ?? [])];
    const may =
      user === admin.user ||
      roles.some((role) => this.roles.get(role)?.has(`ACCESS ON DATABASE \`${database}\``) === true);
    return may ? { rows: [{ found: 1 }] } : { failure: forbidden };
  }

  held(role: string): Set<string> {
    const held = this.roles.get(role);
    if (held === undefined) throw new Error(`the table has no role ${role}`);
    return held;
  }

  revokes(role: string): Row[] {
    return [...this.held(role)].toSorted().map((each) => ({ command: `REVOKE GRANT ${each} FROM \`${role}\`` }));
  }

  set(database: string, status: string): Failure | undefined {
    const live = this.databases.get(database);
    if (live === undefined) return databaseNotFound(database);
    Object.assign(live, { requested: status, current: status });
    return undefined;
  }

  user(name: string): User {
    const user = this.users.get(name);
    if (user === undefined) throw new Error(`the table has no user ${name}`);
    return user;
  }
}

export function online(): DatabaseState {
  return { requested: "online", current: "online", message: "", aliases: [], nodes: 0 };
}
