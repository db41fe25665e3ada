/**
 * Secrets of a state file in the form of Pulumi's passphrase provider: AES-256-GCM under a key that PBKDF2 (SHA-256)
 * derives from the passphrase, written as `v1:<nonce>:<ciphertext and tag>` in base64.
 */
import { createCipheriv, createDecipheriv, pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { UserError } from "../../cli/user-error.ts";

const iterations = 1_000_000;
const saltLength = 8;
const nonceLength = 12;
const tagLength = 16;
/** Encrypted beside the salt, so that a wrong passphrase is found out at once. */
const proof = "pulumi";

export class Crypter {
  /** As the state stores it: `v1:<salt>:<proof>`. */
  readonly salt: string;
  readonly #key: Buffer;

  private constructor(salt: string, key: Buffer) {
    this.salt = salt;
    this.#key = key;
  }

  static async create(passphrase: string): Promise<Crypter> {
    const salt = randomBytes(saltLength);
    const key = await derive(passphrase, salt);
    return new Crypter(`v1:${salt.toString("base64")}:${encrypt(key, proof)}`, key);
  }

  /** @throws UserError when the salt was made with another passphrase. */
  static async open(passphrase: string, salt: string): Promise<Crypter> {
    const [, text = "", ...rest] = salt.split(":");
    const key = await derive(passphrase, Buffer.from(text, "base64"));
    try {
      if (decrypt(key, rest.join(":")) === proof) return new Crypter(salt, key);
    } catch {
      // GCM does not open with another key: told below.
    }
    throw new UserError(
      "the passphrase is not the one that the stack's state was encrypted with. " +
        "Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to the right one.",
    );
  }

  encrypt(text: string): string {
    return encrypt(this.#key, text);
  }

  decrypt(text: string): string {
    return decrypt(this.#key, text);
  }
}

// Derivation takes about 0.3 s; a process opens the same state many times.
const keys = new Map<string, Promise<Buffer>>();

function derive(passphrase: string, salt: Buffer): Promise<Buffer> {
  const name = `${salt.toString("hex")}:${passphrase}`;
  const key = keys.get(name) ?? promisify(pbkdf2)(passphrase, salt, iterations, 32, "sha256");
  keys.set(name, key);
  return key;
}

function encrypt(key: Buffer, text: string): string {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return `v1:${nonce.toString("base64")}:${sealed.toString("base64")}`;
}

function decrypt(key: Buffer, text: string): string {
  const [, nonce = "", sealed = ""] = text.split(":");
  const bytes = Buffer.from(sealed, "base64");
  const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64"));
  decipher.setAuthTag(bytes.subarray(-tagLength));
  return decipher.update(bytes.subarray(0, -tagLength), undefined, "utf8") + decipher.final("utf8");
}
