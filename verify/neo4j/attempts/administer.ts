/**
 * Doing the administrator's work. On shared servers it is asked for in a transaction that is rolled back: an
 * administration command writes to the database `system`, and takes effect when its transaction is committed.
 */
import type { Aim } from "../../attempt.ts";
import { define, type Neo4jAttempt, pages, q, type Scene } from "../attempt.ts";

/** Fits Neo4j's policy; never becomes anybody's. */
const password = "tenancy-verify-never-set";

type Line = readonly [id: string, aim: Aim, tries: string, text: (scene: Scene) => string, why: string, source: string];

const why = {
  self: "Who can grant owns every tenant.",
  users: "A login of one's own making outlives the tenant.",
  login: "A password that the attacker sets is the whole tenant.",
  limit: "A server has room for 100 databases: who makes them keeps others out.",
  outage: "The other tenant has an outage, or has lost everything.",
  name: "A name of one's own that leads to another graph gets around what checks names.",
} as const;

const lines: readonly Line[] = [
  [
    "grant-role",
    "escape",
    "give itself the role of another tenant",
    ({ own, theirs }) => `GRANT ROLE ${q(theirs.role)} TO ${q(own.username)}`,
    why.self,
    pages.administration,
  ],
  [
    "grant-admin",
    "escape",
    "give itself the role admin",
    ({ own }) => `GRANT ROLE admin TO ${q(own.username)}`,
    why.self,
    pages.roles,
  ],
  [
    "grant-access",
    "escape",
    "grant its role access to the database of another tenant",
    ({ own, theirs }) => `GRANT ACCESS ON DATABASE ${q(theirs.database)} TO ${q(own.role)}`,
    why.self,
    pages.privileges,
  ],
  [
    "grant-public",
    "escape",
    "grant everybody access to all databases",
    () => "GRANT ACCESS ON DATABASE * TO PUBLIC",
    why.self,
    pages.privileges,
  ],
  [
    "grant-load",
    "escape",
    "grant its role LOAD CSV",
    ({ own }) => `GRANT LOAD ON ALL DATA TO ${q(own.role)}`,
    why.self,
    pages.load,
  ],
  [
    "deny-victim",
    "destroy",
    "deny another tenant its own database",
    ({ theirs }) => `DENY ACCESS ON DATABASE ${q(theirs.database)} TO ${q(theirs.role)}`,
    why.outage,
    pages.privileges,
  ],
  [
    "revoke-role",
    "destroy",
    "take the role of another tenant's user away",
    ({ theirs }) => `REVOKE ROLE ${q(theirs.role)} FROM ${q(theirs.username)}`,
    why.outage,
    pages.administration,
  ],
  [
    "create-user",
    "escape",
    "make a user",
    () => `CREATE USER tenancy_verify SET PASSWORD '${password}' CHANGE NOT REQUIRED`,
    why.users,
    pages.users,
  ],
  ["create-role", "escape", "make a role", () => "CREATE ROLE tenancy_verify", why.users, pages.administration],
  ["create-database", "exhaust", "make a database", () => "CREATE DATABASE `tenancy-verify`", why.limit, pages.create],
  [
    "create-composite",
    "escape",
    "make a composite database, which queries several at once",
    () => "CREATE COMPOSITE DATABASE `tenancy-verify`",
    why.name,
    pages.composite,
  ],
  [
    "create-alias",
    "escape",
    "make an alias for the database of another tenant",
    ({ theirs }) => `CREATE ALIAS \`tenancy-verify\` FOR DATABASE ${q(theirs.database)}`,
    why.name,
    pages.aliases,
  ],
  [
    "victim-password",
    "escape",
    "set the password of another tenant's user",
    ({ theirs }) => `ALTER USER ${q(theirs.username)} SET PASSWORD '${password}' CHANGE NOT REQUIRED`,
    why.login,
    pages.users,
  ],
  [
    "own-password",
    "escape",
    "set its own password without the old one",
    ({ own }) => `ALTER USER ${q(own.username)} SET PASSWORD '${password}' CHANGE NOT REQUIRED`,
    "Whoever gets hold of one session would keep the tenant for good.",
    pages.users,
  ],
  [
    "own-home",
    "escape",
    "make the database of another tenant its home",
    ({ own, theirs }) => `ALTER USER ${q(own.username)} SET HOME DATABASE ${q(theirs.database)}`,
    "Everybody has access to the own home database, through the role PUBLIC.",
    pages.users,
  ],
  [
    "victim-home",
    "destroy",
    "move the home of another tenant's user to its own database",
    ({ own, theirs }) => `ALTER USER ${q(theirs.username)} SET HOME DATABASE ${q(own.database)}`,
    "The other tenant's application would write into the attacker's graph.",
    pages.users,
  ],
  [
    "suspend-user",
    "destroy",
    "suspend another tenant's user",
    ({ theirs }) => `ALTER USER ${q(theirs.username)} SET STATUS SUSPENDED`,
    why.outage,
    pages.users,
  ],
  [
    "rename-user",
    "destroy",
    "rename another tenant's user",
    ({ theirs }) => `RENAME USER ${q(theirs.username)} TO tenancy_verify`,
    why.outage,
    pages.users,
  ],
  [
    "drop-user",
    "destroy",
    "drop another tenant's user",
    ({ theirs }) => `DROP USER ${q(theirs.username)}`,
    why.outage,
    pages.users,
  ],
  [
    "drop-role",
    "destroy",
    "drop another tenant's role",
    ({ theirs }) => `DROP ROLE ${q(theirs.role)}`,
    why.outage,
    pages.administration,
  ],
  [
    "drop-database",
    "destroy",
    "drop the database of another tenant",
    ({ theirs }) => `DROP DATABASE ${q(theirs.database)} DESTROY DATA`,
    why.outage,
    pages.databases,
  ],
  [
    "stop-database",
    "destroy",
    "stop the database of another tenant",
    ({ theirs }) => `STOP DATABASE ${q(theirs.database)}`,
    why.outage,
    pages.databases,
  ],
  [
    "start-database",
    "write",
    "start the database of another tenant",
    ({ theirs }) => `START DATABASE ${q(theirs.database)}`,
    "A suspended tenant's data would be served again.",
    pages.databases,
  ],
  [
    "read-only-database",
    "destroy",
    "make the database of another tenant read-only",
    ({ theirs }) => `ALTER DATABASE ${q(theirs.database)} SET ACCESS READ ONLY`,
    why.outage,
    pages.databases,
  ],
];

export const administerAttempts: readonly Neo4jAttempt[] = lines.map(([id, aim, tries, text, reason, source]) =>
  define({
    id,
    aim,
    tries,
    harm: "server",
    control: "administrator",
    ask: (scene) => ({ database: "system", text: text(scene) }),
    why: reason,
    source,
  }),
);
