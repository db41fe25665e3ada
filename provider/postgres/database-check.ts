/** What of a tenant's database can be refused at preview, all faults at once. Needs no server. */
import { type CheckFailure, isUnknown } from "../handler.ts";
import type { DatabaseInputs, PostgresConnection } from "../inputs.ts";
import { messageOf } from "../message.ts";
import { extensionFaults } from "./baseline-support.ts";
import { scratchPrefix } from "./database-make.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import { identifier } from "./quote.ts";
import { checkSchema } from "./schema-check.ts";

/** The server's own databases. */
const reserved = ["postgres", "template0", "template1"];

export async function checkDatabase(
  dependencies: PostgresDependencies,
  olds: DatabaseInputs | undefined,
  news: DatabaseInputs,
): Promise<CheckFailure[]> {
  const { pools } = dependencies;
  const own = [...databaseFaults(news), ...connectionFaults(news), ...sharedFaults(dependencies, news)];
  own.push(...recoveryFaults(news));
  if (news.copyOf !== undefined && olds === undefined) {
    const reason =
      "copyOf is for a schema in a shared database: a database of its own has no other tenant's rows to copy. " +
      "Make it without data, or restore it from the other tenant's backups";
    own.push({ property: "copyOf", reason });
  }
  if (!isUnknown(news.extensions)) own.push(...extensionFaults(news.extensions));
  if (news.catalogue !== undefined && !isUnknown(news.catalogue) && !pools.names().includes(news.catalogue)) {
    const has = pools.names().join(", ") || "none";
    const reason = `"${news.catalogue}" is no PostgreSQL server of the platform; it has: ${has}`;
    own.push({ property: "catalogue", reason });
  }
  const told = own.map(({ property, reason }) => ({ property, reason: `tenant ${news.tenant}: ${reason}` }));
  return [...told, ...(await checkSchema(dependencies, olds, news, { anyServer: news.connection !== undefined }))];
}

function* databaseFaults({ database }: DatabaseInputs): Generator<CheckFailure> {
  if (isUnknown(database)) return;
  try {
    identifier(database);
    if (reserved.includes(database) || database.startsWith(scratchPrefix)) {
      yield { property: "database", reason: `"${database}" is reserved; choose another prefix or id` };
    }
  } catch (error) {
    const shown = JSON.stringify(database.slice(0, 80));
    yield { property: "database", reason: `${shown} is no legal name: ${messageOf(error)}` };
  }
}

/** The tenant's database would be the one of everybody. */
function* sharedFaults({ pools }: PostgresDependencies, news: DatabaseInputs): Generator<CheckFailure> {
  if (news.connection !== undefined || !pools.names().includes(news.server)) return;
  if (pools.server(news.server).database !== news.database) return;
  yield {
    property: "database",
    reason: `"${news.database}" is the shared database of the server ${news.server}; a silo needs one of its own`,
  };
}

/** On a server of the platform the source's database is its own, and not one that came out of a backup. */
function* recoveryFaults({ recoveredFrom, connection, tenant }: DatabaseInputs): Generator<CheckFailure> {
  if (recoveredFrom === undefined || isUnknown(recoveredFrom)) return;
  const property = "recoveredFrom";
  if (!isText(recoveredFrom)) {
    yield { property, reason: `recoveredFrom is ${JSON.stringify(recoveredFrom)}; allowed is the id of a tenant` };
  } else if (connection === undefined) {
    yield {
      property,
      reason:
        `recoveredFrom is "${recoveredFrom}", but connection is not given: recoveredFrom is only for a server of the ` +
        `tenant's own, restored from that tenant's backups. Leave it out, or give connection and connectionPassword`,
    };
  } else if (recoveredFrom === tenant) {
    yield { property, reason: `recoveredFrom names the tenant itself; allowed is the id of another tenant` };
  }
}

function* connectionFaults({ connection, connectionPassword }: DatabaseInputs): Generator<CheckFailure> {
  if (connection === undefined && connectionPassword === undefined) return;
  if (connection === undefined) {
    yield {
      property: "connectionPassword",
      reason: "connectionPassword is given without connection: give both, or neither for a server of the platform",
    };
    return;
  }
  if (connectionPassword === undefined || connectionPassword === "") {
    yield {
      property: "connectionPassword",
      reason: "connection is given without connectionPassword: give both, or neither for a server of the platform",
    };
  }
  if (isUnknown(connection)) return;
  yield* addressFaults(connection);
}

function* addressFaults({ host, port, user, ca, database }: PostgresConnection): Generator<CheckFailure> {
  const fault = (name: string, value: unknown, allowed: string): CheckFailure => ({
    property: `connection.${name}`,
    reason: `connection.${name} is ${JSON.stringify(value)}; allowed is ${allowed}`,
  });
  if (!isText(host)) yield fault("host", host, "a host's name or address");
  const known: unknown = port;
  if (!isUnknown(known) && !(Number.isInteger(known) && Number(known) >= 1 && Number(known) <= 65_535)) {
    yield fault("port", port, "an integer from 1 to 65535");
  }
  if (!isText(user)) yield fault("user", user, "the name of the provisioner's login");
  if (ca !== undefined && !isUnknown(ca) && !ca.startsWith("-----BEGIN CERTIFICATE-----")) {
    yield fault("ca", ca.slice(0, 40), "a certificate as PEM text");
  }
  if (database !== undefined && !isText(database)) yield fault("database", database, "the name of a database");
}

function isText(value: unknown): boolean {
  return isUnknown(value) || (typeof value === "string" && value !== "");
}
