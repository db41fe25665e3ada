/** What an Enterprise server shows of one tenant. */
import type { Neo4jDatabaseInputs } from "../inputs.ts";
import type { Mark } from "../mark.ts";
import type { Neo4jClient, Row } from "./client.ts";
import { showDatabase, showRoles, showUser } from "./cypher.ts";
import { markBegin, parseMarkRole } from "./mark-role.ts";

export interface LiveDatabase {
  readonly aliases: readonly string[];
  /** On every server that has the database. */
  readonly requested: readonly string[];
  readonly current: readonly string[];
  readonly messages: readonly string[];
}

export interface LiveUser {
  /** But PUBLIC, which every user has. */
  readonly roles: readonly string[];
  readonly passwordChangeRequired: boolean;
  readonly suspended: boolean;
  readonly home: string | undefined;
}

export interface LiveTenant {
  readonly database: LiveDatabase | undefined;
  readonly user: LiveUser | undefined;
  /** Members of the tenant's role; undefined where the role is missing. */
  readonly members: readonly string[] | undefined;
  /** Names of the roles that carry the tenant's mark: two after a change of the mark that was cut off. */
  readonly markRoles: readonly string[];
  readonly mark: Mark | undefined;
}

export async function describeLive(
  client: Neo4jClient,
  inputs: Pick<Neo4jDatabaseInputs, "database" | "role" | "username">,
  signal: AbortSignal,
): Promise<LiveTenant> {
  const { database, role, username } = inputs;
  const [liveDatabase, users, roles] = await Promise.all([
    readDatabase(client, database, signal),
    client.run(showUser(username), { signal }),
    client.run(showRoles(role, markBegin(role)), { signal }),
  ]);
  const marked = roles.flatMap((row) => {
    const name = text(row.role);
    const parsed = parseMarkRole(name);
    return parsed?.role === role ? [{ name, mark: parsed.mark }] : [];
  });
  const own = roles.filter((row) => row.role === role);
  return {
    database: liveDatabase,
    user: users[0] === undefined ? undefined : toUser(users[0]),
    members:
      own.length === 0
        ? undefined
        : own.flatMap(({ member }) => (typeof member === "string" ? [member] : [])).toSorted(),
    markRoles: marked.map(({ name }) => name),
    mark: marked.find(({ mark }) => mark !== undefined)?.mark,
  };
}

/** Undefined where it is not there. */
export async function readDatabase(
  client: Neo4jClient,
  database: string,
  signal: AbortSignal,
): Promise<LiveDatabase | undefined> {
  const rows = await client.run(showDatabase(database), { signal });
  if (rows.length === 0) return undefined;
  const column = (name: string) => rows.map((row) => text(row[name])).filter((value) => value !== "");
  return {
    aliases: [...new Set(rows.flatMap(({ aliases }) => texts(aliases)))].toSorted(),
    requested: column("requestedStatus"),
    current: column("currentStatus"),
    messages: column("statusMessage"),
  };
}

function toUser(row: Row): LiveUser {
  return {
    roles: texts(row.roles)
      .filter((role) => role !== "PUBLIC")
      .toSorted(),
    passwordChangeRequired: row.passwordChangeRequired === true,
    suspended: row.suspended === true,
    home: typeof row.home === "string" ? row.home : undefined,
  };
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** Whether a database is as requested on every server: of a cluster, one may lag behind. */
export function isStatus(database: LiveDatabase, status: "online" | "offline"): boolean {
  return [...database.requested, ...database.current].every((live) => live === status);
}
