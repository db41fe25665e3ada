/** `docs/sql-rules.md`, from the rules. */
import { join } from "node:path";
import { type Group, groups } from "./catalogue.ts";
import type { RuleText } from "./rule.ts";

const titles: Readonly<Record<Group, readonly [title: string, text: string]>> = {
  statements: ["Statements", "Kinds of statements that a file may not have. No mark allows one."],
  names: ["Names", "Names and clauses that lead out of a tenant's own objects, wherever in a statement they stand."],
  functions: ["Functions", "A function's code is followed like the file itself; what cannot be followed is refused."],
  files: ["Files", "Files as a whole, marks, files outside of the transaction, and seeds."],
  fleet: [
    "Migrations over a fleet",
    "What rewrites a table, holds a lock while it reads one, or loses rows. These rules only count for a table that an earlier file made: one that the file itself makes is empty. A mark allows it.",
  ],
  pool: [
    "Pools",
    "For templates whose tiers have `pool`: their tables hold the rows of many tenants. No mark allows anything.",
  ],
};

export function ruleDocuments(): { readonly path: string; readonly content: string }[] {
  const all = Object.values(groups).flatMap((rules) => Object.entries<RuleText>(rules));
  const warnings = all.filter(([, { severity }]) => severity === "warning").length;
  const counts = Object.entries(groups).map(
    ([group, rules]) => `${Object.keys(rules).length} on ${titles[group as Group][0].toLowerCase()}`,
  );
  const head = [
    "<!-- Written by dev/generate.ts from templates/lint/: change it there. -->",
    "# Rules for the SQL of templates and tenants",
    `${all.length} rules: ${counts.join(", ")}. ${warnings} of them only warn, the others refuse the file before anything ` +
      "runs. [Templates](templates.md#what-a-file-may-not-do) tells where they apply; `tenancy lint` tells every fault.",
    "A rule that a mark can allow is silenced for one statement by a comment in the line before it, with a reason of at " +
      "least 10 characters:",
    fence(
      "-- tenancy: allow drop-column: no version since 2.3 reads or writes it\nALTER TABLE notes DROP COLUMN size;",
    ),
  ];
  const sections = Object.entries(groups).flatMap(([group, rules]) => {
    const [title, text] = titles[group as Group];
    return [`## ${title}`, text, ...Object.entries<RuleText>(rules).flatMap(([id, rule]) => ruleSection(id, rule))];
  });
  return [{ path: join("docs", "sql-rules.md"), content: `${[...head, ...sections].join("\n\n")}\n` }];
}

function ruleSection(
  id: string,
  { severity, allowable, what, why, fix, wrong, right, within = {} }: RuleText,
): string[] {
  const marks = allowable === true ? " A mark allows it." : "";
  const { earlier, seed } = within;
  const place = [
    ...(earlier === undefined ? [] : [`after an earlier file with \`${earlier}\``]),
    ...(seed === true ? ["in a file of `seed/`"] : []),
  ].join(", ");
  return [
    `### ${id}`,
    `${what}${severity === "warning" ? " Only a warning." : ""}${marks}`,
    `Why: ${why}. ${fix}`,
    `${severity === "error" ? "Refused" : "Warned of"}${place === "" ? "" : `, ${place}`}:`,
    fence(wrong),
    "Right:",
    fence(right),
  ];
}

function fence(sql: string): string {
  return `\`\`\`sql\n${sql}\n\`\`\``;
}
