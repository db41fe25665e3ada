/** What follows from the rules: their table, and the postures as files for `--policy-pack-config`. */
import { rules } from "./catalogue.ts";
import { type Posture, postureConfiguration, postures } from "./postures.ts";
import { configuredFor } from "./configuration.ts";
import { type Rule, type Setting, subjects } from "./rule.ts";

/** docs/policy-rules.md; tables are set by prettier. */
export function rulesPage(): string {
  const counts = subjects.map((subject) => `${rules.filter((rule) => rule.subject === subject).length} ${subject}`);
  const head = `<!-- Written by dev/generate.ts from policies/: change it there. -->

# Rules of the policy pack

${rules.length} rules: ${counts.join(", ")}. [Policies](policies.md) tells how to run and configure them. The postures
are columns: \`-\` stands for a rule that is off. Severity and settings are told below each table.`;
  return [head, ...subjects.map(section)].join("\n\n");
}

function section(subject: string): string {
  const own = rules.filter((rule) => rule.subject === subject);
  const rows = own.map((rule) => [
    `[\`${rule.name}\`](#${rule.name})`,
    rule.description,
    levelIn(rule, "baseline"),
    levelIn(rule, "regulated"),
  ]);
  return [
    `## ${subject}`,
    table(["rule", "what has to hold", "baseline", "regulated"], rows),
    ...own.map(details),
  ].join("\n\n");
}

function details(rule: Rule): string {
  const settings = Object.entries<Setting<unknown>>(rule.settings ?? {}).map(([name, { description, fallback }]) => [
    `\`${name}\``,
    description,
    code(fallback),
    code(configuredFor(rule, postures.regulated).settings[name]),
  ]);
  return [
    `### ${rule.name}`,
    `${rule.reason} Severity: ${rule.severity}. Looks at ${rule.types.map((type) => `\`${type}\``).join(", ")}` +
      `${rule.scope === "stack" ? ", all of the stack together" : ""}.`,
    `To mend it: ${rule.remediation}. Source: [${rule.source.title}](${rule.source.url}).`,
    ...(settings.length === 0 ? [] : [table(["setting", "what it is", "baseline", "regulated"], settings)]),
  ].join("\n\n");
}

function levelIn(rule: Rule, posture: Posture): string {
  const { enforcement } = configuredFor(rule, postures[posture]);
  return enforcement === "disabled" ? "-" : enforcement;
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value)}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows]
    .map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");
}

export function policyDocuments(): { readonly path: string; readonly content: string }[] {
  const files = (Object.keys(postures) as Posture[]).map((posture) => ({
    path: `policies/${posture}.json`,
    content: JSON.stringify(postureConfiguration(posture)),
  }));
  return [{ path: "docs/policy-rules.md", content: rulesPage() }, ...files];
}
