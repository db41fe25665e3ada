/** Questions to a person at a terminal; a script gives flags instead, and is never waited for. */
import { createInterface } from "node:readline/promises";
import { UserError } from "../user-error.ts";

export interface Question {
  /** Flag that answers it. */
  readonly flag: string;
  readonly text: string;
  /** Allowed answers, where they are few. */
  readonly choices?: readonly string[];
  /** What an empty answer means. */
  readonly fallback?: string;
}

export interface Asker {
  /** @throws UserError when nobody can be asked. */
  ask(question: Question): Promise<string>;
  close(): void;
}

/** @param input - where answers come from; its questions go to standard error, since output may be for a program */
export function asker(input: NodeJS.ReadStream = process.stdin, output: NodeJS.WriteStream = process.stderr): Asker {
  if (!input.isTTY || !output.isTTY) {
    return {
      ask: ({ flag, text }) =>
        Promise.reject(new UserError(`${flag} is missing (${text}), and there is no terminal to ask at.`)),
      close: () => undefined,
    };
  }
  const lines = createInterface({ input, output });
  return {
    async ask(question) {
      const { text, choices = [], fallback } = question;
      const hint = [
        ...(choices.length === 0 ? [] : [choices.join(", ")]),
        ...(fallback === undefined ? [] : [`Enter: ${fallback}`]),
      ];
      for (;;) {
        const answer = (await lines.question(`${text}${hint.length === 0 ? "" : ` (${hint.join("; ")})`}: `)).trim();
        if (answer === "" && fallback !== undefined) return fallback;
        if (answer === "") continue;
        if (choices.length === 0 || choices.includes(answer)) return answer;
        output.write(`allowed: ${choices.join(", ")}\n`);
      }
    },
    close() {
      lines.close();
    },
  };
}
