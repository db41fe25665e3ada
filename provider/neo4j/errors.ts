/**
 * Faults of Neo4j servers in words that tell what to do. Codes: https://neo4j.com/docs/status-codes/current/; those
 * of connection, TLS, login and edition were seen on Neo4j Community 2026.08.1.
 */
import { ProviderError } from "../handler.ts";
import { messageOf } from "../message.ts";

export interface Described {
  /** Neo4j's code, as in `Neo.ClientError.Security.Forbidden`; "" where there is none. */
  readonly code: string;
  /** Statuses of the error and of its causes, as in `51N27`. */
  readonly statuses: ReadonlySet<string>;
  /** Messages of the error and of its causes. */
  readonly text: string;
}

/** Code, statuses and words of an error and of what caused it. */
export function unfold(error: unknown): Described {
  const statuses = new Set<string>();
  const texts: string[] = [];
  let code = "";
  let current = error;
  for (let depth = 0; depth < 8 && current !== undefined && current !== null; depth++) {
    texts.push(messageOf(current));
    if (typeof current !== "object") break;
    const fields = current as { code?: unknown; gqlStatus?: unknown; gqlStatusDescription?: unknown; cause?: unknown };
    if (code === "" && typeof fields.code === "string") code = fields.code;
    if (typeof fields.gqlStatus === "string") statuses.add(fields.gqlStatus);
    if (typeof fields.gqlStatusDescription === "string") texts.push(fields.gqlStatusDescription);
    current = fields.cause;
  }
  return { code, statuses, text: texts.join("\n") };
}

/** How Node.js and the driver name a certificate that does not pass. */
const tlsFault =
  /not trusted|CERT_HAS_EXPIRED|certificate has expired|ALTNAME|altnames|SELF_SIGNED|self.signed|UNABLE_TO_|unable to (get|verify)|wrong version number|EPROTO|SSL routines|packet length too long/i;

/** A lost or refused connection, or a server that asks to try again: the same statement may work a moment later. */
export function isTransient(error: unknown): boolean {
  const { code, text } = unfold(error);
  if (tlsFault.test(text)) return false;
  return (
    code === "ServiceUnavailable" ||
    code === "SessionExpired" ||
    code.startsWith("Neo.TransientError.") ||
    code === "Neo.ClientError.Cluster.NotALeader" ||
    code === "Neo.ClientError.Security.AuthorizationExpired" ||
    /\b(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|ENOTFOUND)\b/.test(text)
  );
}

/** That the server did not let somebody in: wrong password, suspended, or no access to the database. */
export function isRefusedLogin(error: unknown): boolean {
  return /^Neo\.ClientError\.Security\.(Unauthorized|Forbidden|CredentialsExpired)$/.test(unfold(error).code);
}

/** That the password set by ALTER USER is the password already. */
export function isSamePassword(error: unknown): boolean {
  const { statuses, text } = unfold(error);
  return statuses.has("22N89") || /Old password and new password cannot be the same/i.test(text);
}

/** That the server's edition has no databases, roles or user states. */
export function isOtherEdition(error: unknown): boolean {
  const { code, statuses, text } = unfold(error);
  return (
    statuses.has("51N27") ||
    code === "Neo.ClientError.Statement.UnsupportedAdministrationCommand" ||
    (code === "Neo.DatabaseError.Statement.ExecutionFailed" && /community edition/i.test(text))
  );
}

/** That user, role or database is not there: for what is to be taken away that is success. */
export function isMissing(error: unknown): boolean {
  const { code, statuses } = unfold(error);
  return (
    ["42N00", "42N09", "42N10"].some((status) => statuses.has(status)) ||
    code === "Neo.ClientError.Database.DatabaseNotFound"
  );
}

const needed =
  "DATABASE MANAGEMENT, ALIAS MANAGEMENT, USER MANAGEMENT, ROLE MANAGEMENT, PRIVILEGE MANAGEMENT, SHOW SETTINGS and " +
  "EXECUTE ADMIN PROCEDURES ON DBMS, and ACCESS, START, STOP and MATCH on all databases; the role admin has all of them";

/** What has to be done, for each code; undefined where the server's own words have to do. */
function advice({ code, statuses, text }: Described): string | undefined {
  const has = (status: string) => statuses.has(status);
  if (/certificate has expired|CERT_HAS_EXPIRED/i.test(text)) {
    return "the server's certificate has expired. Renew it and run the update again.";
  }
  if (/ALTNAME|altnames/i.test(text)) {
    return "the server's certificate is not for this host. Use the host that the certificate names.";
  }
  if (/wrong version number|EPROTO|SSL routines|packet length too long/i.test(text)) {
    return "no TLS on this port. Set server.bolt.tls_level=REQUIRED on the server, or correct the port.";
  }
  if (tlsFault.test(text)) {
    return "the server's certificate is not signed by a trusted authority. Set `ca` of this Neo4j server to the authority's PEM text.";
  }
  if (code === "Neo.ClientError.Security.AuthenticationRateLimit") {
    return "the server refuses this login for some seconds, after too many wrong passwords (dbms.security.auth_max_failed_attempts, auth_lock_time). Correct the password, wait and run the update again.";
  }
  if (code === "Neo.ClientError.Security.CredentialsExpired" || has("42NFD")) {
    return "the configured login has to change its password first. Log in with it and run ALTER CURRENT USER SET PASSWORD, then put the new one into the platform's configuration.";
  }
  if (code === "Neo.ClientError.Security.Unauthorized") {
    return "the server refused the configured login. Correct user and password of this Neo4j server in the platform's configuration.";
  }
  if (code === "Neo.ClientError.Security.Forbidden" || has("42NFF")) {
    return `the server does not permit it. The login needs ${needed}.`;
  }
  if (code === "Neo.DatabaseError.Database.DatabaseLimitReached" || has("51N55")) {
    return "the server has as many databases as dbms.max_databases allows, stopped ones included. Raise it, drop a database, or place the tenant on another server.";
  }
  if (code === "Neo.ClientError.Cluster.NotALeader" || has("51N29")) {
    return "this server of the cluster is not the leader of the system database. Use neo4j+s:// in `uri`, which finds it.";
  }
  if (has("22N85") || has("22N05")) {
    return "the server refused the password by its policy (dbms.security.auth_minimum_password_length), or the name. Lower what the server asks.";
  }
  if (code === "Neo.ClientError.Database.ExistingAliasFound" || has("42N11") || has("42N87")) {
    return "an alias has this name, or points at the database. Drop or rename it: SHOW ALIASES FOR DATABASE shows them.";
  }
  if (code === "Neo.ClientError.Database.DatabaseNotFound" || has("42N00")) {
    return "the database is not there.";
  }
  if (code === "Neo.DatabaseError.Database.UnableToStartDatabase") {
    return "the database does not start: the server's debug.log tells why.";
  }
  if (code === "ServiceUnavailable" || code === "SessionExpired" || isTransient({ code, message: text })) {
    const reason = /\b(E[A-Z]{4,})\b/.exec(text)?.[1] ?? text.split("\n")[0]?.slice(0, 200) ?? "";
    return `${reason}. Start the server or correct its address, then run the update again.`;
  }
  return undefined;
}

/** @param uri of the server, without a login */
export function otherEdition(uri: string, edition: string, version: string): string {
  return (
    `Neo4j at ${uri} is the ${edition} edition${version === "" ? "" : ` ${version}`}, which has one database and no roles. ` +
    `Use Neo4j Enterprise, or give each tenant an instance of its own: kind "instances" or "kubernetes".`
  );
}

/** Turns an error of connection or statement into one that names server, kind of statement and way out. */
export function explain(error: unknown, uri: string, what: string): ProviderError {
  if (error instanceof ProviderError) return error;
  if (isOtherEdition(error)) {
    return new ProviderError(`${what} failed: ${otherEdition(uri, "Community", "")}`, { cause: error });
  }
  const described = unfold(error);
  const known = advice(described);
  const code = described.code === "" ? "" : `${described.code}: `;
  const words = known ?? `${code}${described.text.split("\n")[0]?.slice(0, 300) ?? ""}`;
  return new ProviderError(`Neo4j at ${uri}: ${what} failed: ${words}`, { cause: error });
}
