/** An attempt on Neo4j as the statement that makes it. The text of `how` comes from the same statement. */
import { quote } from "../../provider/neo4j/cypher.ts";
import type { Attempt } from "../attempt.ts";

/** `server`: an Enterprise server that tenants share; `instances`: a Community process for each. */
export type Kind = "server" | "instances";

/** What a statement is made from, of one tenant. */
export interface Names {
  /** Name of the database, and of the instance where each tenant has one. */
  readonly database: string;
  /** The database that the tenant works in: `neo4j` on an instance of its own. */
  readonly home: string;
  readonly role: string;
  readonly username: string;
}

export interface Scene {
  readonly own: Names;
  readonly theirs: Names;
}

export interface Ask {
  /** Database of the session. */
  readonly database: string;
  readonly text: string;
  readonly params?: Readonly<Record<string, string>>;
  /** Whom the session claims to be. */
  readonly impersonated?: string;
}

/**
 * Where an attempt is made: in the attacker's own session; at the victim's address by a login that the attacker makes
 * up, or by none; or there without TLS.
 */
export type Door = "own" | "own password" | "default password" | "anonymous" | "plain";

export interface Neo4jAttempt extends Attempt {
  readonly kinds: readonly Kind[];
  readonly door: Door;
  readonly ask: (scene: Scene) => Ask;
  /** What the control asks, where the same statement works for nobody or would take something away. */
  readonly prove?: (scene: Scene) => Ask;
  /** Whether an answer without rows is a refusal: the server filters what the login may not see. */
  readonly filtered: boolean;
  /** Errors that only those get whom the server let through: the attempt worked. */
  readonly behind?: RegExp;
  /** Errors that prove a control: the server went to work on it, or has nothing that could be done. */
  readonly proof?: RegExp;
}

type Derived = "store" | "how" | "expected" | "harm" | "control" | "kinds" | "door" | "filtered" | "id";

export type Draft = Omit<Neo4jAttempt, Derived> &
  Partial<Pick<Neo4jAttempt, "expected" | "harm" | "control" | "kinds" | "door" | "filtered" | "how">> & {
    readonly id: string;
  };

/** Codes of servers: https://neo4j.com/docs/status-codes/current/errors/all-errors/ */
export const codes = {
  forbidden: "Neo.ClientError.Security.Forbidden",
  unauthorized: "Neo.ClientError.Security.Unauthorized",
  rateLimit: "Neo.ClientError.Security.AuthenticationRateLimit",
  noDatabase: "Neo.ClientError.Database.DatabaseNotFound",
  noGraph: "Neo.ClientError.Statement.EntityNotFound",
  noProcedure: "Neo.ClientError.Procedure.ProcedureNotFound",
  external: "Neo.ClientError.Statement.ExternalResourceFailed",
} as const;

/** @param draft its id without the store; Forbidden, harm `none`, the victim's control and a shared server are what is left out */
export function define(draft: Draft): Neo4jAttempt {
  const { database, text, params = {}, impersonated } = draft.ask(placeholders);
  const shown = text.replaceAll(/\$(\w+)/g, (_, name: string) => `"${params[name] ?? name}"`);
  const as = impersonated === undefined ? "" : `, as ${impersonated}`;
  return {
    expected: [codes.forbidden],
    harm: "none",
    control: "victim",
    kinds: ["server"],
    door: "own",
    filtered: false,
    how: `on ${database}${as}: ${shown}`,
    ...draft,
    id: `neo4j/${draft.id}`,
    store: "neo4j",
  };
}

const manual = "https://neo4j.com/docs/operations-manual/current";

/** Pages of the operations manual. */
export const pages = {
  administration: `${manual}/authentication-authorization/dbms-administration/`,
  databases: `${manual}/authentication-authorization/database-administration/`,
  privileges: `${manual}/authentication-authorization/manage-privileges/`,
  roles: `${manual}/authentication-authorization/built-in-roles/`,
  users: `${manual}/authentication-authorization/manage-users/`,
  execute: `${manual}/authentication-authorization/dbms-administration/dbms-execute-privileges/`,
  load: `${manual}/authentication-authorization/load-privileges/`,
  impersonate: `${manual}/authentication-authorization/dbms-administration/dbms-impersonate-privileges/`,
  aliases: `${manual}/database-administration/aliases/manage-aliases-standard-databases/`,
  composite: `${manual}/database-administration/composite-databases/concepts/`,
  create: `${manual}/database-administration/standard-databases/create-databases/`,
  procedures: `${manual}/procedures/`,
  tls: `${manual}/security/ssl-framework/`,
  login: `${manual}/configuration/configuration-settings/`,
  queries: "https://neo4j.com/docs/cypher-manual/current/clauses/transaction-clauses/",
  use: "https://neo4j.com/docs/cypher-manual/current/clauses/use/",
  csv: "https://neo4j.com/docs/cypher-manual/current/clauses/load-csv/",
  apoc: "https://neo4j.com/docs/apoc/current/security-guidelines/",
} as const;

/** Names of the nodes that a canary gets, and that an attempt would leave. */
export const label = "TenancyVerify";

export const q = quote;

const placeholders: Scene = {
  own: { database: "attacker", home: "attacker", role: "attacker_role", username: "attacker_app" },
  theirs: { database: "victim", home: "victim", role: "victim_role", username: "victim_app" },
};
