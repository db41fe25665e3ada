/** What a rule's example is: a file in its surroundings. */
import type { FileContext, RuleText } from "./rule.ts";
import { isConcurrentFile } from "../template.ts";
import { Tables } from "./tables.ts";
import { lintText, type TextFault, unusedMark } from "./text.ts";

/** The faults of an example. The parser has to be loaded. */
export function lintExample({ within = {} }: RuleText, sql: string): TextFault[] {
  const tables = new Tables(false);
  const text = `${sql}\n`;
  const context = { kind: "template", concurrent: false, pool: within.pool === true, beside: false } as const;
  const shared: FileContext = { ...context, prefixes: ["tenant"], tables };
  if (within.earlier !== undefined) {
    tables.nextFile();
    lintText(within.earlier, shared);
  }
  tables.nextFile();
  const kind = within.seed === true ? "seed" : "template";
  const { faults, unused } = lintText(text, { ...shared, kind, concurrent: isConcurrentFile(text) });
  return [...faults, ...unused.map(unusedMark)];
}
