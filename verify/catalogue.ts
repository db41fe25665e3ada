/** Every attempt there is, and the page about them: docs/attempts.md is written from here by `npm run generate`. */
import type { StoreName } from "../provider/inputs.ts";
import { aims, type Attempt, type Residue, type StoreProbe } from "./attempt.ts";
import { neo4jProbe } from "./neo4j/probe.ts";
import { postgresProbe } from "./postgres/probe.ts";
import { redisProbe } from "./redis/probe.ts";
import { storageProbe } from "./storage/probe.ts";

const titles: Readonly<Record<StoreName, string>> = {
  postgres: "PostgreSQL",
  redis: "Redis and Valkey",
  storage: "Object storage and file system",
  neo4j: "Neo4j",
};

/** One of each store, in the order of reports. */
export function allProbes(): readonly StoreProbe[] {
  return [postgresProbe(), redisProbe(), storageProbe(), neo4jProbe()];
}

/** The page in Markdown. */
export function attemptsPage(probes: readonly StoreProbe[] = allProbes()): string {
  const total = probes.reduce((sum, { attempts }) => sum + attempts.length, 0);
  return [
    "<!-- Written by dev/generate.ts from verify/: change an attempt there. -->",
    "",
    "# Attempts",
    "",
    `The ${total} attempts that \`tenancy verify\` makes ([how to run and read it](verify.md)). In each, a tenant with its own`,
    "logins tries to get at another one; `attacker` and `victim` stand for their names. **Expected** is the refusal that",
    "proves the defence: SQLSTATE, begin of the Redis error, HTTP status and S3 code, or `nothing` for an empty answer.",
    "**Control** is who can do the same, which proves the attempt itself: the victim on its own data, or an administrator.",
    "**Harm** is what a success would do: `none` is tried against every tenant, `victim` against canaries only, `server`",
    "for real on embedded servers only and elsewhere in its dry form.",
    ...probes.flatMap((probe) => storePart(probe)),
    "",
  ].join("\n");
}

function storePart({ store, attempts, residue }: StoreProbe): string[] {
  return [
    "",
    `## ${titles[store]}`,
    "",
    `${attempts.length} attempts.`,
    ...aims.flatMap((aim) => {
      const own = attempts.filter((attempt) => attempt.aim === aim);
      if (own.length === 0) return [];
      return ["", `### ${titles[store]}: ${aim}`, ...own.flatMap(attemptPart)];
    }),
    "",
    `### ${titles[store]}: what stays visible`,
    "",
    ...(residue.length === 0
      ? ["Nothing."]
      : ["Every login sees this of others by design; a run that finds more fails.", "", ...residue.map(residueLine)]),
  ];
}

function attemptPart({ id, tries, how, expected, why, source, harm, control }: Attempt): string[] {
  return [
    "",
    `#### ${id}`,
    "",
    `A tenant tries to ${escape(tries)}.`,
    "",
    `- How: ${code(how)}`,
    `- Expected: ${expected.map(code).join(" or ")}; control: ${control}; harm: ${harm}`,
    `- Why it matters: ${escape(why)} (${/^https?:\/\//.test(source) ? `<${source}>` : escape(source)})`,
  ];
}

function residueLine({ place, what, document }: Residue): string {
  return `- ${code(place)}: ${escape(what)} (${code(document)})`;
}

/** A code span that holds any text: longer fences than it has backticks of its own, on one line. */
function code(text: string): string {
  const line = text.replaceAll(/\s*\n\s*/g, " ");
  const runs = line.match(/`+/g)?.map(({ length }) => length) ?? [];
  const fence = "`".repeat(Math.max(0, ...runs) + 1);
  const space = line.startsWith("`") || line.endsWith("`") ? " " : "";
  return `${fence}${space}${line}${space}${fence}`;
}

function escape(text: string): string {
  return text.replaceAll(/[\\<>*_[\]|]/g, "\\$&");
}
