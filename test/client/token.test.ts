import { generateKeyPairSync, createHmac, type KeyObject } from "node:crypto";
import { exportJWK, type JWTPayload, SignJWT } from "jose";
import type pg from "pg";
import { beforeAll, describe, expect, test, vi } from "vitest";
import {
  type Route,
  TenantError,
  TokenRefused,
  type TokenOptions,
  verifyTenantToken,
  withTenant,
} from "../../client/index.ts";

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const now = () => Math.floor(Date.now() / 1000);
const options: TokenOptions = { key: publicKey, issuer: "https://id", audience: "api", roles: ["editor", "admin"] };
const claims = (over: JWTPayload = {}): JWTPayload => ({
  ...{ iss: "https://id", aud: "api", exp: now() + 60, sub: "user-1", tenant: "acme", role: "editor" },
  ...over,
});
const sign = (
  payload: JWTPayload,
  key: KeyObject = privateKey,
  header: { alg: string; kid?: string } = { alg: "ES256" },
) => new SignJWT(payload).setProtectedHeader(header).sign(key);
const route: Route = {
  ...{ tenant: "acme", externalId: "org_acme", tier: "bridge", region: "eu", host: "h", port: 1, database: "d" },
  ...{ schema: "tenant_acme", user: "tenant_acme_app" },
};

async function refusal(token: string, over: Partial<TokenOptions> = {}): Promise<string> {
  const error: unknown = await verifyTenantToken(token, { ...options, ...over }).catch((reason: unknown) => reason);
  if (!(error instanceof TokenRefused)) return "taken";
  for (const part of token.split(".").filter((one) => one.length > 8)) {
    expect([error.message, JSON.stringify(error), error.stack ?? ""].join()).not.toContain(part);
  }
  expect(error.cause).toBeUndefined();
  return error.message.replace("token refused: ", "");
}

describe("a token that is right", () => {
  test("it names tenant, allowed roles and subject", async () => {
    const token = await verifyTenantToken(await sign(claims({ role: ["viewer", "admin"] })), options);
    expect(Object.fromEntries(Object.entries(token))).toEqual({
      tenant: "acme",
      claimIs: "tenant",
      roles: ["admin"],
      subject: "user-1",
      expires: token.expires,
    });
  });

  test("claims may have other names, and the key may be one of a set", async () => {
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: "k1", alg: "ES256" }] };
    const payload = { iss: "https://id", aud: "api", exp: now() + 60, "https://x/org": "org_acme", groups: "editor" };
    const signed = await sign(payload, privateKey, { alg: "ES256", kid: "k1" });
    const others = {
      key: undefined,
      jwks,
      tenantClaim: "https://x/org",
      claimIs: "externalId",
      roleClaim: "groups",
    } as const;
    expect((await verifyTenantToken(signed, { ...options, ...others })).tenant).toBe("org_acme");
    const unknown = await sign(payload, privateKey, { alg: "ES256", kid: "k2" });
    expect(await refusal(unknown, others)).toBe("the issuer has no such key");
  });
});

describe("a token that is refused, with the reason and nothing of the token", () => {
  let secretPem: string;
  beforeAll(() => {
    secretPem = publicKey.export({ type: "spki", format: "pem" }).toString();
  });

  test.each<[string, JWTPayload, string]>([
    ["ended", { exp: now() - 60 }, "it has ended"],
    ["without an end", { exp: undefined }, "its claim exp is missing or not the expected one"],
    ["not valid yet", { nbf: now() + 600 }, "its claim nbf is missing or not the expected one"],
    ["of another issuer", { iss: "https://evil" }, "its claim iss is missing or not the expected one"],
    ["for another audience", { aud: "other" }, "its claim aud is missing or not the expected one"],
    ["without a tenant", { tenant: undefined }, "its claim tenant is missing or not the expected one"],
    ["of two tenants", { tenant: ["acme", "beta"] }, "its claim tenant is no text"],
    ["without a role", { role: undefined }, "its claim role is missing or not the expected one"],
    ["of another role", { role: "viewer" }, "its claim role has none of the roles editor, admin"],
    [
      "of a role that only holds the word",
      { role: "editors admin" },
      "its claim role has none of the roles editor, admin",
    ],
  ])("one %s", async (_what, over, reason) => {
    expect(await refusal(await sign(claims(over)))).toBe(reason);
  });

  test("one of another key, changed, of no algorithm, or signed with the public key as a secret", async () => {
    expect(await refusal(await sign(claims(), stranger))).toBe("its signature is not by the issuer's key");
    const [header = "", , signature = ""] = (await sign(claims())).split(".");
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const body = encode(claims({ tenant: "beta" }));
    expect(await refusal(`${header}.${body}.${signature}`)).toBe("its signature is not by the issuer's key");
    const allowed =
      "its algorithm is not one of ES256, ES384, ES512, PS256, PS384, PS512, RS256, RS384, RS512, EdDSA, Ed25519";
    expect(await refusal(`${encode({ alg: "none" })}.${body}.`)).toBe(allowed);
    const head = encode({ alg: "HS256" });
    const mac = createHmac("sha256", secretPem).update(`${head}.${body}`).digest("base64url");
    expect(await refusal(`${head}.${body}.${mac}`)).toBe(allowed);
    expect(await refusal("no-token-at-all")).toBe("it is no signed token");
  });

  test("settings that would switch a check off are refused too", async () => {
    const token = await sign(claims());
    expect(await refusal(token, { issuer: "" })).toBe("issuer and audience must be given");
    expect(await refusal(token, { roles: [] })).toBe("roles is empty, so that none is allowed");
    expect(await refusal(token, { key: undefined })).toBe("neither key nor jwks is given");
    expect(await refusal(token, { key: undefined, jwks: new URL("http://id/keys") })).toBe(
      "jwks must be an https address",
    );
  });
});

describe("a token given to withTenant", () => {
  const silent = { connect: () => Promise.reject(new Error("something was sent")) } as unknown as pg.Pool;
  const outcome = async (over: Partial<Route>, token: unknown) => {
    const work = withTenant(silent, { ...route, ...over }, () => Promise.resolve(), { token: token as never });
    const error: unknown = await work.catch((reason: unknown) => reason);
    return error instanceof TenantError ? `${error.fault}: ${error.message}` : String(error);
  };

  test("another tenant's, one that ended since, and one that was not checked send nothing to the database", async () => {
    const beta = { tenant: "beta", schema: "tenant_beta", user: "tenant_beta_app" };
    const token = await verifyTenantToken(await sign(claims()), options);
    expect(await outcome({}, token)).toBe("Error: something was sent");
    expect(await outcome(beta, token)).toBe(`token: tenant "beta": the token is another tenant's`);
    const forged = Object.fromEntries(Object.entries(token));
    expect(await outcome({}, forged)).toBe(
      `token: tenant "acme": token was not checked: give what verifyTenantToken returns`,
    );
    expect(await outcome({}, null)).toContain("token was not checked");
    vi.useFakeTimers({ now: (token.expires + 4) * 1000 });
    try {
      expect(await outcome({}, token)).toBe("Error: something was sent");
      vi.setSystemTime((token.expires + 5) * 1000);
      expect(await outcome({}, token)).toBe(`token: tenant "acme": the token has ended`);
    } finally {
      vi.useRealTimers();
    }
  });
});
