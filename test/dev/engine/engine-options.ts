import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LocalEngineOptions } from "../../../dev/engine/index.ts";
import type { Spec } from "./fixture/program.ts";

/** The fixture program on the local engine, with state and objects in `folder`. */
export function engineOptions(folder: string, spec: Spec): LocalEngineOptions {
  return {
    projectDir: join(import.meta.dirname, "fixture"),
    stack: "dev",
    stateFile: join(folder, "state.json"),
    passphrase: "correct horse",
    config: {
      "fixture:spec": { value: JSON.stringify(spec), secret: false },
      "fixture:key": { value: "provider's key", secret: true },
    },
    // Each run starts two programs that load the SDK: with a cache they start in half the time.
    env: { FIXTURE_DIR: folder, NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache") },
  };
}
