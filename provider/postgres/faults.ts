/** Which faults of a connection or a statement pass by themselves, and what to tell about those that do not. */
import { ProviderError } from "../handler.ts";
import type { PostgresServer } from "../config.ts";
import { messageOf } from "../message.ts";

/** What was being done, for messages. */
export interface Task {
  /** Begin of every message, as in `tenant acme`. */
  readonly subject: string;
  /** Kind of statement, as in `creating the schema`. */
  readonly doing: string;
}

const transientCodes = new Set([
  "57P01", // admin_shutdown, pg_terminate_backend
  "57P02", // crash_shutdown
  "57P03", // cannot_connect_now
  "40001", // serialization_failure
  "40P01", // deadlock_detected
  "53300", // too_many_connections
  "55006", // object_in_use, as the template database while another is made
  "55P03", // lock_not_available
  "ECONNRESET",
  "ECONNREFUSED",
  "EPIPE",
  "ETIMEDOUT",
]);

/** Of pg's own errors, which carry no code. */
const lostConnection =
  /^(Connection terminated|Client has encountered a connection error|timeout expired|Client was closed)/;

export function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  if (code === undefined) return lostConnection.test(messageOf(error));
  if (code === "XX000") return /tuple concurrently (updated|deleted)/.test(messageOf(error));
  return transientCodes.has(code) || /^08[0-9A-Z]{3}$/.test(code);
}

/** Whether the connection cannot be used again. */
export function breaksConnection(error: unknown): boolean {
  const code = codeOf(error);
  return code === undefined || !/^[0-9A-Z]{5}$/.test(code) || /^(08|57P)/.test(code);
}

/** SQLSTATE of the server, or the system's code. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** A server that nothing was heard of, a login that was refused, a statement that failed: in a person's words. */
export function explain(error: unknown, server: PostgresServer, task: Task, attempts: number): ProviderError {
  if (error instanceof ProviderError) return error;
  const where = `PostgreSQL at ${server.host}:${server.port}, database "${server.database}"`;
  const code = codeOf(error);
  const message = messageOf(error);
  const begin = `${task.subject}: ${task.doing} failed on ${where}: `;
  if (code === "28P01" || code === "28000") {
    return new ProviderError(
      `${begin}the server refused the login (${message}). Check user and password of the server in the platform's ` +
        `configuration, and that the Baseline has run.`,
    );
  }
  if (isTlsFault(code, message)) {
    return new ProviderError(
      `${begin}the TLS connection was refused (${message}). The platform's configuration has to hold the authority ` +
        `("ca") that signed the server's certificate, and the certificate has to name ${server.host} and be valid today.`,
    );
  }
  if (isTransient(error)) {
    const times = attempts > 1 ? ` after ${attempts} attempts` : "";
    return new ProviderError(
      `${begin}${message === "" ? (code ?? "no answer") : message}${times}. Check that the server runs and can be reached; ` +
        `then run the same command again, it continues where this one ended.`,
    );
  }
  const detail = detailOf(error);
  return new ProviderError(
    `${begin}${message}${code === undefined ? "" : ` (SQLSTATE ${code})`}${detail}. Nothing of this step was kept.`,
  );
}

/** Never for statements that hold values: a detail can quote them. Names of objects are what is wanted here. */
function detailOf(error: unknown): string {
  const code = codeOf(error);
  const shown = code === "2BP01" || code === "42501";
  return shown && error instanceof Error && "detail" in error && typeof error.detail === "string"
    ? `: ${error.detail}`
    : "";
}

function isTlsFault(code: string | undefined, message: string): boolean {
  return (
    /^(ERR_TLS_|CERT_|ERR_SSL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_OSSL)/.test(code ?? "") ||
    message.includes("does not support SSL")
  );
}
