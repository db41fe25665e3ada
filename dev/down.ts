/** `npm run dev:down`: stops the embedded servers of this folder; their data stays. */
import { join } from "node:path";
import { stopServices } from "./services/index.ts";

const dir = join(import.meta.dirname, "..", ".dev");
try {
  const stopped = await stopServices(dir);
  for (const line of stopped) console.log(`stopped ${line}`);
  if (stopped.length === 0) console.log("nothing was running");
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
