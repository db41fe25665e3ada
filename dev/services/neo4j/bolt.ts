/** The login of an instance, tried and changed over Bolt. */
import { setTimeout as delay } from "node:timers/promises";
import type { Config, Driver, QueryConfig } from "neo4j-driver";
import { ServicesError } from "../error.ts";
import { errorCode, errorMessage } from "../files.ts";

/** Every user of a Community server is an administrator; this one is there from the start. */
export const neo4jUser = "neo4j";

export interface BoltServer {
  readonly port: number;
  readonly caFile: string;
  /** False where a test asked for an expired certificate. */
  readonly verify: boolean;
}

/** Longest time from a start to the first answer; it takes seconds, but a busy machine may take its time. */
const startTimeoutMs = 180_000;

/**
 * Waits until the server answers.
 *
 * @param passwords - tried in turn
 * @returns the password that the server takes
 * @throws ServicesError when it takes none of them, or does not answer in time
 */
export async function waitForLogin(
  server: BoltServer,
  passwords: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const end = performance.now() + startTimeoutMs;
  for (;;) {
    signal.throwIfAborted();
    const answer = await tryAll(server, passwords);
    if (answer.password !== undefined) return answer.password;
    if (answer.refused) {
      throw new ServicesError(
        `refuses the login ${neo4jUser} with the password that its manager knows: someone changed it by a statement. ` +
          "Change it back, or delete the instance",
      );
    }
    if (performance.now() > end) throw new ServicesError(`does not answer in time (${answer.fault})`);
    await delay(100, undefined, { signal });
  }
}

export async function changePassword(server: BoltServer, from: string, to: string): Promise<void> {
  await withDriver(server, from, async (driver) => {
    const onSystem: Pick<QueryConfig, "database"> = { database: "system" };
    await driver.executeQuery("ALTER USER neo4j SET PASSWORD $to CHANGE NOT REQUIRED", { to }, onSystem);
  });
}

async function tryAll(
  server: BoltServer,
  passwords: readonly string[],
): Promise<{ readonly password?: string; readonly refused: boolean; readonly fault: string }> {
  let fault = "";
  let refusals = 0;
  for (const password of passwords) {
    try {
      await withDriver(server, password, (driver) => driver.executeQuery("RETURN 1"));
      return { password, refused: false, fault: "" };
    } catch (error) {
      fault = errorMessage(error);
      if (errorCode(error) === "Neo.ClientError.Security.Unauthorized") refusals++;
    }
  }
  return { refused: refusals === passwords.length, fault };
}

async function withDriver<T>(server: BoltServer, password: string, use: (driver: Driver) => Promise<T>): Promise<T> {
  // Loaded when the first instance is asked for: it would slow down every start of the services.
  const { default: neo4j } = await import("neo4j-driver");
  const config: Omit<Config, "logging"> = {
    encrypted: "ENCRYPTION_ON",
    trust: server.verify ? "TRUST_CUSTOM_CA_SIGNED_CERTIFICATES" : "TRUST_ALL_CERTIFICATES",
    trustedCertificates: server.verify ? [server.caFile] : [],
    connectionTimeout: 5_000,
    connectionAcquisitionTimeout: 10_000,
    maxTransactionRetryTime: 0,
    maxConnectionPoolSize: 1,
    telemetryDisabled: true,
  };
  const driver = neo4j.driver(`bolt://127.0.0.1:${server.port}`, neo4j.auth.basic(neo4jUser, password), config);
  try {
    return await use(driver);
  } finally {
    await driver.close();
  }
}
