/** Tokens that say for which tenant somebody may act: signed by a known key, not ended, with tenant and role. */
import type { KeyObject } from "node:crypto";
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  type CryptoKey,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
  type JWTVerifyGetKey,
} from "jose";
import type { Route } from "./resolve.ts";
import { TenantError } from "./tenant-error.ts";

/** With a secret key, whoever checks tokens could make them as well: keys of both kinds are never mixed. */
const algorithms = [
  "ES256",
  "ES384",
  "ES512",
  "PS256",
  "PS384",
  "PS512",
  "RS256",
  "RS384",
  "RS512",
  "EdDSA",
  "Ed25519",
];

interface Keys {
  /** Public key of the issuer. */
  readonly key?: CryptoKey | KeyObject;
  /** The issuer's keys: the set, or the https address that it is fetched from. Give the same object each time. */
  readonly jwks?: URL | JSONWebKeySet;
}

export interface TokenOptions extends Keys {
  readonly issuer: string;
  readonly audience: string;
  /** @default tenant */
  readonly tenantClaim?: string;
  /**
   * What the claim names: the tenant's id in the registry, or its external id.
   * @default tenant
   */
  readonly claimIs?: "tenant" | "externalId";
  /** A text, or a list of texts. @default role */
  readonly roleClaim?: string;
  /** Roles of which the token has to have one. */
  readonly roles: readonly string[];
  /**
   * By how much clocks may differ.
   * @default 5
   */
  readonly clockToleranceSeconds?: number;
}

/** The token is not to be acted on. Never holds the token. */
export class TokenRefused extends Error {
  override readonly name = "TokenRefused";
}

/** What a token says, after it was checked. Only `verifyTenantToken` makes one. */
export class VerifiedToken {
  /** Id or external id of the tenant, as `claimIs` says. */
  readonly tenant: string;
  readonly claimIs: "tenant" | "externalId";
  /** Those roles of the token that were asked for. */
  readonly roles: readonly string[];
  readonly subject: string | undefined;
  /** Seconds since 1970. */
  readonly expires: number;
  readonly #tolerance: number;

  private constructor(said: Said, tolerance: number) {
    this.tenant = said.tenant;
    this.claimIs = said.claimIs;
    this.roles = said.roles;
    this.subject = said.subject;
    this.expires = said.expires;
    this.#tolerance = tolerance;
  }

  /** @throws TenantError when the token is another tenant's, has ended since, or was not checked */
  static assertFor(token: VerifiedToken, route: Pick<Route, "tenant" | "externalId">): void {
    const refuse = (message: string) => new TenantError(route.tenant, "token", message);
    if (typeof token !== "object" || !(#tolerance in token))
      throw refuse("token was not checked: give what verifyTenantToken returns");
    const named = token.claimIs === "externalId" ? route.externalId : route.tenant;
    if (token.tenant !== named) throw refuse("the token is another tenant's");
    if (Date.now() / 1000 >= token.expires + token.#tolerance) throw refuse("the token has ended");
  }

  static async verify(token: string, options: TokenOptions): Promise<VerifiedToken> {
    const { tenantClaim = "tenant", claimIs = "tenant", roleClaim = "role", clockToleranceSeconds = 5 } = options;
    if (options.roles.length === 0) throw new TokenRefused("token refused: roles is empty, so that none is allowed");
    const payload = await payloadOf(token, options, [tenantClaim, roleClaim], clockToleranceSeconds);
    const tenant = payload[tenantClaim];
    if (typeof tenant !== "string" || tenant === "") throw refusedClaim(tenantClaim, "is no text");
    const held: unknown = payload[roleClaim];
    const roles = options.roles.filter((role) => (Array.isArray(held) ? held.includes(role) : held === role));
    if (roles.length === 0) throw refusedClaim(roleClaim, `has none of the roles ${options.roles.join(", ")}`);
    const said = { tenant, claimIs, roles, subject: payload.sub, expires: payload.exp ?? 0 };
    return new VerifiedToken(said, clockToleranceSeconds);
  }
}

interface Said {
  readonly tenant: string;
  readonly claimIs: "tenant" | "externalId";
  readonly roles: readonly string[];
  readonly subject: string | undefined;
  readonly expires: number;
}

/**
 * Checks signature, algorithm, issuer, audience, times, tenant and role.
 *
 * @throws TokenRefused with the reason, never with the token or what it holds
 * @example
 * const token = await verifyTenantToken(bearer, { jwks, issuer: "https://id.example.com", audience: "api", roles: ["editor"] });
 * await withTenant(pool, route, work, { token });
 */
export function verifyTenantToken(token: string, options: TokenOptions): Promise<VerifiedToken> {
  return VerifiedToken.verify(token, options);
}

async function payloadOf(
  token: string,
  options: TokenOptions,
  claims: readonly string[],
  clockTolerance: number,
): Promise<JWTPayload> {
  const { issuer, audience } = options;
  // An empty one would switch its check off.
  if (issuer === "" || audience === "") throw new TokenRefused("token refused: issuer and audience must be given");
  const checks = { issuer, audience, algorithms, clockTolerance, requiredClaims: ["exp", ...claims] };
  try {
    const { payload } =
      options.key === undefined
        ? await jwtVerify(token, keySetOf(options), checks)
        : await jwtVerify(token, options.key, checks);
    return payload;
  } catch (error) {
    // The library's errors carry the token's claims: they go no further.
    throw new TokenRefused(`token refused: ${reasonOf(error)}`);
  }
}

const keySets = new WeakMap<object, JWTVerifyGetKey>();

/** Fetched keys are kept, and asked for anew when a token names one that is not among them. */
function keySetOf({ jwks }: Keys): JWTVerifyGetKey {
  if (jwks === undefined) throw new KeyFault("neither key nor jwks is given");
  const known = keySets.get(jwks);
  if (known !== undefined) return known;
  if (jwks instanceof URL && jwks.protocol !== "https:") throw new KeyFault("jwks must be an https address");
  const made = jwks instanceof URL ? createRemoteJWKSet(jwks) : createLocalJWKSet(jwks);
  keySets.set(jwks, made);
  return made;
}

class KeyFault extends Error {}

function reasonOf(error: unknown): string {
  if (error instanceof KeyFault) return error.message;
  if (error instanceof errors.JWTExpired) return "it has ended";
  if (error instanceof errors.JWTClaimValidationFailed)
    return `its claim ${error.claim} is missing or not the expected one`;
  if (error instanceof errors.JWSSignatureVerificationFailed) return "its signature is not by the issuer's key";
  if (error instanceof errors.JOSEAlgNotAllowed) return `its algorithm is not one of ${algorithms.join(", ")}`;
  if (error instanceof errors.JWKSNoMatchingKey) return "the issuer has no such key";
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return "it is no signed token";
  return error instanceof errors.JOSEError ? `it cannot be checked (${error.code})` : "the issuer's key cannot be used";
}

function refusedClaim(claim: string, what: string): TokenRefused {
  return new TokenRefused(`token refused: its claim ${claim} ${what}`);
}
