/** The password of each login, derived from the stack's secret and the tenant's own salt. */
import { hkdfSync } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";

/** Bytes of a derived password: 256 bits, 43 characters of base64url. */
const passwordBytes = 32;
/** Characters that the stack's secret must have: 43 letters and digits are more than 256 bits. */
const secretLength = 43;
const saltBytes = 32;

/**
 * What a tenant's passwords come from. `random.RandomBytes` puts its bytes into its id, which is plain text in the
 * state: they may only be a salt. The secret is one `random.RandomPassword` of the stack, whose id tells nothing
 * (docs/decisions/secrets.md).
 */
export interface PasswordSource {
  /** Secret: at least 43 letters and digits. */
  readonly secret: pulumi.Output<string>;
  /** base64 of 32 random bytes of the tenant. */
  readonly salt: pulumi.Output<string>;
}

/**
 * HKDF-SHA-256 (RFC 5869) of the stack's secret with the tenant's salt.
 *
 * @param purpose - store and login, as in `postgres/app`: another purpose gives an independent password
 * @param rotation - counter in the registry; raising it gives a new password
 */
export function derivePassword(secret: string, salt: string, purpose: string, rotation: number): string {
  if (secret.length < secretLength) {
    throw new RangeError(`the stack's secret has ${secret.length} characters; at least ${secretLength} are needed`);
  }
  const saltValue = Buffer.from(salt, "base64");
  if (saltValue.length < saltBytes) {
    throw new RangeError(`a tenant's salt has ${saltValue.length} bytes; at least ${saltBytes} are needed`);
  }
  return Buffer.from(hkdfSync("sha256", secret, saltValue, `${purpose}/${rotation}`, passwordBytes)).toString(
    "base64url",
  );
}

/** The same over outputs: stays secret, and unknown in a preview that has not made its source yet. */
export function passwordOutput(source: PasswordSource, purpose: string, rotation: number): pulumi.Output<string> {
  const password = pulumi
    .all([source.secret, source.salt])
    .apply(([secret, salt]) => derivePassword(secret, salt, purpose, rotation));
  return pulumi.secret(password);
}
