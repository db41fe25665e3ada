/** `npm run dev:reset`: stops the embedded servers and removes their folder, with all data, passwords and programs. */
import { lstat, rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import { isMissing } from "./services/files.ts";
import { stopServices } from "./services/index.ts";

const dir = join(import.meta.dirname, "..", ".dev");

try {
  for (const line of await stopServices(dir)) console.log(`stopped ${line}`);
  console.log(await remove(dir));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

/** Never goes through a symbolic link: of a linked folder only the link goes, inside and at the top. */
async function remove(path: string): Promise<string> {
  try {
    if ((await lstat(path)).isSymbolicLink()) {
      await unlink(path);
      return `removed the link ${path}; what it leads to is untouched`;
    }
  } catch (error) {
    if (isMissing(error)) return `nothing to remove: ${path} is not there`;
    throw error;
  }
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
  return `removed ${path}`;
}
