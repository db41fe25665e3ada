/** Runs `up` in a process of its own, for a test that ends it by force. Arguments: folder, specification. */
import { createLocalEngine } from "../../../dev/engine/index.ts";
import type { Spec } from "./fixture/program.ts";
import { engineOptions } from "./engine-options.ts";

const [folder = "", spec = ""] = process.argv.slice(2);
const result = await createLocalEngine(engineOptions(folder, JSON.parse(spec) as Spec)).run("up");
process.exitCode = result.ok ? 0 : 1;
