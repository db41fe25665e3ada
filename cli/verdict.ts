/** Commands whose exit code is a verdict: 0 all is well, 1 it is not, 2 nobody can tell. */
import type { Command } from "commander";
import { isExpected } from "./run-main.ts";

/** Also for a command line that is wrong and for an unexpected fault, since 1 is a verdict. */
export const couldNotTell = 2;

/** @param run - gives the exit code */
export function withVerdict(command: Command, run: () => Promise<number>): Command {
  return command
    .exitOverride(({ exitCode }) => {
      process.exit(exitCode === 0 ? 0 : couldNotTell);
    })
    .action(async () => {
      try {
        process.exitCode = await run();
      } catch (error) {
        const text = isExpected(error) ? error.message : error instanceof Error ? error.stack : String(error);
        process.stderr.write(`error: ${text ?? ""}\n`);
        process.exitCode = couldNotTell;
      }
    });
}
