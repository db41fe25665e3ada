/** The password of each login, derived from the stack's secret. */
import { hkdfSync } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";

/** Bytes of a derived password: 256 bits, 43 characters of base64url. */
const passwordBytes = 32;
/** Characters that the stack's secret must have: 43 letters and digits are more than 256 bits. */
const secretLength = 43;

/**
 * HKDF-SHA-256 (RFC 5869) of the stack's secret. Tenant, purpose and rotation are its `info`: no password tells
 * anything of another (docs/decisions/secrets.md).
 *
 * @param tenant - id, which a stack never gives a second time
 * @param purpose - store and login, as in `postgres/app`
 * @param rotation - counter in the registry; raising it gives a new password
 */
export function derivePassword(secret: string, tenant: string, purpose: string, rotation: number): string {
  if (secret.length < secretLength) {
    throw new RangeError(`the stack's secret has ${secret.length} characters; at least ${secretLength} are needed`);
  }
  // An id has no slash: no two triples give the same text.
  const info = `${tenant}/${purpose}/${rotation}`;
  return Buffer.from(hkdfSync("sha256", secret, "", info, passwordBytes)).toString("base64url");
}

/** The same over an output: stays secret, and unknown in a preview that has not made its source yet. */
export function passwordOutput(
  secret: pulumi.Output<string>,
  tenant: string,
  purpose: string,
  rotation: number,
): pulumi.Output<string> {
  return pulumi.secret(secret.apply((known) => derivePassword(known, tenant, purpose, rotation)));
}
