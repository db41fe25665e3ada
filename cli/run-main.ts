import { PlatformError } from "../components/platform.ts";
import { TemplateError } from "../templates/load.ts";
import { RegistryError } from "../tenants/load.ts";
import { UserError } from "./user-error.ts";

const expected = [UserError, RegistryError, TemplateError, PlatformError];

/** Whether a person can mend it: shown as one message, without a stack trace. */
export function isExpected(error: unknown): error is Error {
  return expected.some((kind) => error instanceof kind);
}

/** Runs a command; what a person can mend is shown as one message, without a stack trace, with exit code 1. */
export async function runMain(command: () => Promise<unknown>): Promise<void> {
  try {
    await command();
  } catch (error) {
    if (!isExpected(error)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    process.exitCode = 1;
  } finally {
    // The channel to cli/run.mjs must not keep a finished command from ending.
    if (process.connected) process.disconnect();
  }
}
