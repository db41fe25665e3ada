/**
 * Errors as servers tell them. Marked "Community": recorded from Neo4j Community 2026.08.1 over Bolt with TLS. The
 * others are put together from https://neo4j.com/docs/status-codes/current/ and were not seen on a server.
 */
import type { Failure } from "../../support/bolt-server.ts";

/** Community. */
export function unsupported(command: string, text: string): Failure {
  return {
    code: "Neo.ClientError.Statement.UnsupportedAdministrationCommand",
    message: `Unsupported administration command: ${text}`,
    status: "51N27",
    description: `error: system configuration or operation exception - not supported in this edition. '${command}' is not supported in community edition.`,
  };
}

/** Community: the two parts of user management that it does not have. */
export function unsupportedClause(clause: "SET STATUS" | "HOME DATABASE", user: string): Failure {
  return {
    code: "Neo.DatabaseError.Statement.ExecutionFailed",
    message: `Failed to create the specified user '${user}': '${clause}' is not available in community edition.`,
    status: "51N27",
    description: `error: system configuration or operation exception - not supported in this edition. '${clause}' is not supported in community edition.`,
  };
}

/** Community. */
export function samePassword(user: string): Failure {
  return {
    code: "Neo.ClientError.Statement.ArgumentError",
    message: `Failed to alter the specified user '${user}': Old password and new password cannot be the same.`,
    status: "22N05",
    description: `error: data exception - input failed validation. Invalid input '***' for ${user} password.`,
    cause: { status: "22N89", message: "22N89: Expected the new password to be different from the old password." },
  };
}

/** Community. */
export const shortPassword: Failure = {
  code: "Neo.ClientError.Statement.ArgumentError",
  message: "A password must be at least 8 characters.",
  status: "22N05",
  description: "error: data exception - input failed validation. Invalid input '***' for password.",
  cause: { status: "22N85", message: "22N85: Expected the string to be at least 8 characters long." },
};

/** Community. */
export const rateLimit: Failure = {
  code: "Neo.ClientError.Security.AuthenticationRateLimit",
  message: "The client has provided incorrect authentication details too many times in a row.",
  status: "42NFF",
};

/** Community. */
export const credentialsExpired: Failure = {
  code: "Neo.ClientError.Security.CredentialsExpired",
  message:
    "ACCESS on database 'system' is not allowed.\n\nThe credentials you provided were valid, but must be changed before you can use this instance.",
  status: "42NFF",
};

/** Community. */
export function databaseNotFound(database: string): Failure {
  return {
    code: "Neo.ClientError.Database.DatabaseNotFound",
    message: `Graph not found: ${database}`,
    status: "42001",
    cause: { status: "42N00", message: `42N00: A graph reference with the name \`${database}\` was not found.` },
  };
}

/** Not seen on a server. */
export const forbidden: Failure = {
  code: "Neo.ClientError.Security.Forbidden",
  message: "Permission denied.",
  status: "42NFF",
  description:
    "error: syntax error or access rule violation - permission/access denied. Access denied, see the security logs for details.",
};

/** Not seen on a server. */
export function limitReached(database: string): Failure {
  return {
    code: "Neo.DatabaseError.Database.DatabaseLimitReached",
    message: `Failed to create the specified database '${database}': The total limit of databases is already reached.`,
    status: "51N55",
    description: `error: system configuration or operation exception - cannot create additional database. Failed to create the database \`${database}\`. The limit of databases is reached. Either increase the limit using the config setting \`dbms.max_databases\` or drop a database.`,
  };
}

/** Not seen on a server. */
export function aliasExists(database: string, alias: string): Failure {
  return {
    code: "Neo.ClientError.Database.ExistingAliasFound",
    message: `Failed to delete the specified database '${database}': Database has one or more aliases. Drop the aliases '${alias}' before dropping the database.`,
    status: "42N11",
  };
}

/** Not seen on a server. */
export const notLeader: Failure = {
  code: "Neo.DatabaseError.Statement.ExecutionFailed",
  message: "The command must be executed on the current leader.",
  status: "51N29",
};

/** Not seen on a server. */
export const busy: Failure = {
  code: "Neo.TransientError.General.DatabaseUnavailable",
  message: "The database is not currently available to serve your request.",
  status: "50N42",
};
