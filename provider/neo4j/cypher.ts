/** Every statement for a Neo4j server: names are quoted here and nowhere else, values go as parameters. */

/** Names as components/naming.ts makes them: no quote, no escape and no glob fits in. */
const databasePattern = /^[a-z][a-z0-9-]{1,61}[a-z0-9]$/;
const namePattern = /^[A-Za-z][A-Za-z0-9_]{0,62}$/;
/** A procedure, or all of a namespace, as in `db.labels` and `apoc.coll.*`. */
const procedurePattern = /^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*\.([A-Za-z][A-Za-z0-9_]*|\*)$/;

/** https://neo4j.com/docs/operations-manual/current/database-administration/standard-databases/naming-databases/ */
export function isDatabaseName(text: unknown): text is string {
  return typeof text === "string" && databasePattern.test(text) && !text.startsWith("system");
}

/** Roles may have ASCII letters, digits and underscores; the same is asked of users. */
export function isName(text: unknown): text is string {
  return typeof text === "string" && namePattern.test(text);
}

export function isProcedureName(text: string): boolean {
  return procedurePattern.test(text);
}

/**
 * An identifier for any text. Cypher reads `\u0060` within backticks as a backtick, so that a backslash is written as
 * its own escape; doubling the backticks alone would let text out.
 */
export function quote(name: string): string {
  if (name === "" || name.includes("\0")) throw new RangeError("an identifier is empty or has a NUL character");
  return `\`${name.replaceAll("\\", "\\u005C").replaceAll("`", "``")}\``;
}

export interface Statement {
  /** Kind of statement, for messages. */
  readonly what: string;
  readonly text: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** Seconds that a server may take for a database; it goes on when they are over. */
const waitSeconds = 60;
const dropWaitSeconds = 300;

export const components: Statement = {
  what: "CALL dbms.components",
  text: "CALL dbms.components() YIELD name, versions, edition WHERE name = 'Neo4j Kernel' RETURN versions[0] AS version, edition",
};

export const databaseLimit: Statement = {
  what: "SHOW SETTINGS",
  text: "SHOW SETTINGS YIELD name, value WHERE name = 'dbms.max_databases' RETURN value",
};

/** Online and offline ones, `system` too: all of them count. */
export const databaseNames: Statement = {
  what: "SHOW DATABASES",
  text: "SHOW DATABASES YIELD name RETURN collect(DISTINCT name) AS names",
};

/** Every database, user and role of the server, for what belongs to nobody. */
export const allDatabases: Statement = {
  what: "SHOW DATABASES",
  text: "SHOW DATABASES YIELD name, type, currentStatus RETURN DISTINCT name, type, currentStatus ORDER BY name",
};

export const allUsers: Statement = {
  what: "SHOW USERS",
  text: "SHOW USERS YIELD user, roles, suspended RETURN user, roles, suspended ORDER BY user",
};

export const allRoles: Statement = { what: "SHOW ROLES", text: "SHOW ROLES YIELD role RETURN role ORDER BY role" };

/** A row for each server of a cluster. */
export function showDatabase(database: string): Statement {
  return {
    what: "SHOW DATABASES",
    text: "SHOW DATABASES YIELD name, aliases, requestedStatus, currentStatus, statusMessage WHERE name = $database RETURN aliases, requestedStatus, currentStatus, statusMessage",
    params: { database },
  };
}

export function showRoles(role: string, markBegin: string): Statement {
  return {
    what: "SHOW ROLES",
    text: "SHOW ROLES WITH USERS YIELD role, member WHERE role = $role OR role STARTS WITH $mark RETURN role, member",
    params: { role, mark: markBegin },
  };
}

export function showUser(username: string): Statement {
  return {
    what: "SHOW USERS",
    text: "SHOW USERS YIELD user, roles, passwordChangeRequired, suspended, home WHERE user = $username RETURN roles, passwordChangeRequired, suspended, home",
    params: { username },
  };
}

export function showPrivileges(role: string): Statement {
  return {
    what: "SHOW PRIVILEGES",
    text: `SHOW ROLE ${quote(role)} PRIVILEGES AS REVOKE COMMANDS YIELD command RETURN command`,
  };
}

/** Run in the tenant's own database. */
export const anyNode: Statement = { what: "MATCH", text: "MATCH (n) RETURN 1 AS found LIMIT 1" };

export function createRole(role: string): Statement {
  return { what: "CREATE ROLE", text: `CREATE ROLE ${quote(role)} IF NOT EXISTS` };
}

export function renameRole(from: string, to: string): Statement {
  return { what: "RENAME ROLE", text: `RENAME ROLE ${quote(from)} IF EXISTS TO ${quote(to)}` };
}

export function dropRole(role: string): Statement {
  return { what: "DROP ROLE", text: `DROP ROLE ${quote(role)} IF EXISTS` };
}

export function grantRole(role: string, username: string): Statement {
  return { what: "GRANT ROLE", text: `GRANT ROLE ${quote(role)} TO ${quote(username)}` };
}

export function revokeRole(role: string, username: string): Statement {
  return { what: "REVOKE ROLE", text: `REVOKE ROLE ${quote(role)} FROM ${quote(username)}` };
}

export function createDatabase(database: string): Statement {
  return {
    what: "CREATE DATABASE",
    text: `CREATE DATABASE ${quote(database)} IF NOT EXISTS WAIT ${waitSeconds} SECONDS`,
  };
}

export function startDatabase(database: string): Statement {
  return { what: "START DATABASE", text: `START DATABASE ${quote(database)} WAIT ${waitSeconds} SECONDS` };
}

export function stopDatabase(database: string): Statement {
  return { what: "STOP DATABASE", text: `STOP DATABASE ${quote(database)} WAIT ${waitSeconds} SECONDS` };
}

export function dropDatabase(database: string): Statement {
  return {
    what: "DROP DATABASE",
    text: `DROP DATABASE ${quote(database)} IF EXISTS DESTROY DATA WAIT ${dropWaitSeconds} SECONDS`,
  };
}

export type UserStatus = "ACTIVE" | "SUSPENDED";

export function createUser(username: string, password: string, database: string, status: UserStatus): Statement {
  return {
    what: "CREATE USER",
    text: `CREATE USER ${quote(username)} IF NOT EXISTS SET PASSWORD $password CHANGE NOT REQUIRED SET STATUS ${status} SET HOME DATABASE ${quote(database)}`,
    params: { password },
  };
}

/** Refused by servers when it is the password already. */
export function setPassword(username: string, password: string): Statement {
  return {
    what: "ALTER USER SET PASSWORD",
    text: `ALTER USER ${quote(username)} SET PASSWORD $password CHANGE NOT REQUIRED`,
    params: { password },
  };
}

export function setUser(username: string, database: string, status: UserStatus): Statement {
  return {
    what: "ALTER USER",
    text: `ALTER USER ${quote(username)} SET PASSWORD CHANGE NOT REQUIRED SET STATUS ${status} SET HOME DATABASE ${quote(database)}`,
  };
}

export function suspendUser(username: string): Statement {
  return { what: "ALTER USER", text: `ALTER USER ${quote(username)} IF EXISTS SET STATUS SUSPENDED` };
}

export function dropUser(username: string): Statement {
  return { what: "DROP USER", text: `DROP USER ${quote(username)} IF EXISTS` };
}

export function connectionsOf(username: string): Statement {
  return {
    what: "CALL dbms.listConnections",
    text: "CALL dbms.listConnections() YIELD connectionId, username WHERE username = $username RETURN connectionId",
    params: { username },
  };
}

export function killConnections(ids: readonly string[]): Statement {
  return {
    what: "CALL dbms.killConnections",
    text: "CALL dbms.killConnections($ids) YIELD connectionId RETURN connectionId",
    params: { ids },
  };
}
