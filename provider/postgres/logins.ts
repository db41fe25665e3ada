/** The two logins of a tenant, in a schema of its own and in a pool. */
import type { PoolTenantInputs } from "../inputs.ts";
import { searchPath } from "./drift.ts";
import { identifier, integer, literal } from "./quote.ts";
import { scramVerifier } from "./scram.ts";

/** SCRAM verifiers of the two logins. */
export interface Verifiers {
  readonly app: string;
  readonly readOnly: string;
}

type LoginInputs = Pick<
  PoolTenantInputs,
  "schema" | "state" | "appRole" | "readOnlyRole" | "connectionLimit" | "readOnlyConnectionLimit"
>;

export async function verifiersOf(inputs: Pick<PoolTenantInputs, "password" | "readOnlyPassword">): Promise<Verifiers> {
  const [app, readOnly] = await Promise.all([scramVerifier(inputs.password), scramVerifier(inputs.readOnlyPassword)]);
  return { app, readOnly };
}

/** Statements that make both; nobody needs to take a login's place, so that the provisioner is no member of them. */
export function createLoginsSql(inputs: LoginInputs, verifiers: Verifiers): string[] {
  const open = inputs.state === "active";
  const login = (name: string, limit: number, verifier: string) =>
    `CREATE ROLE ${identifier(name)} ${open ? "LOGIN" : "NOLOGIN"} NOINHERIT NOBYPASSRLS ` +
    `CONNECTION LIMIT ${integer(limit)} PASSWORD ${literal(verifier)};`;
  return [
    // The server walks every such membership after each change of roles.
    "SET LOCAL createrole_self_grant = '';",
    login(inputs.appRole, inputs.connectionLimit, verifiers.app),
    login(inputs.readOnlyRole, inputs.readOnlyConnectionLimit, verifiers.readOnly),
  ];
}

/** Statements that have both look up names in their own schema first. */
export function searchPathsSql(inputs: LoginInputs, database: string): string[] {
  return [inputs.appRole, inputs.readOnlyRole].map(
    (role) =>
      `ALTER ROLE ${identifier(role)} IN DATABASE ${identifier(database)} SET search_path = ${searchPath(inputs)};`,
  );
}
