/**
 * SCRAM-SHA-256 verifiers, computed here so that no password is ever in SQL text: the server writes the text of
 * statements to its log and to pg_stat_activity.
 */
import { createHash, createHmac, pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify(pbkdf2);

/** PostgreSQL's own default (scram_iterations). */
const iterations = 4096;

/**
 * A verifier in the form that PostgreSQL stores (RFC 5803): `SCRAM-SHA-256$4096:salt$StoredKey:ServerKey`.
 *
 * @throws RangeError for an empty password and for characters outside of printable ASCII: SASLprep (RFC 4013) leaves
 * those as they are, and the passwords of this tool have no others.
 */
export async function scramVerifier(password: string, salt: Buffer = randomBytes(16)): Promise<string> {
  if (!/^[\x20-\x7e]+$/.test(password)) {
    throw new RangeError("a PostgreSQL password has to be printable ASCII text that is not empty");
  }
  const salted = await derive(password, salt, iterations, 32, "sha256");
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  const storedKey = createHash("sha256").update(clientKey).digest("base64");
  const serverKey = createHmac("sha256", salted).update("Server Key").digest("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}
