/** Files of the services' folder: owner-only, and written whole or not at all. */
import { chmod, mkdir, readFile, stat } from "node:fs/promises";
import { messageOf } from "../../provider/message.ts";

export { writePrivate } from "../../provider/private-file.ts";

/** Makes a folder (and those above it) that only its owner may look into. */
export async function privateFolder(path: string): Promise<string> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  // Passing through may be open to the user that PostgreSQL runs as; see run-as.ts.
  const { mode } = await stat(path);
  if ((mode & 0o066) !== 0) await chmod(path, mode & 0o711);
  return path;
}

/** The text of a file; undefined when it is not there. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

export function isMissing(error: unknown): boolean {
  return errorCode(error) === "ENOENT";
}

/** The code of a system error, as in `EADDRINUSE`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

export function errorMessage(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(errorMessage).join("; ");
  return messageOf(error);
}
