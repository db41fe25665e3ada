/** What a server has to offer before a database can be hardened: its version, and the extensions of the templates. */
import { loadTemplate, type Template, templateNames } from "../../templates/load.ts";
import { type CheckFailure, ProviderError } from "../handler.ts";
import { type BaselineFacts, leastVersion } from "./baseline-rules.ts";

/** @throws ProviderError for a server that is too old. */
export function assertVersion(subject: string, number: number): void {
  if (number >= leastVersion * 10_000) return;
  throw new ProviderError(
    `${subject}: the server has version ${Math.floor(number / 10_000)}; ` +
      `needed is ${leastVersion} or newer, because before it CREATEROLE could change any user's password.`,
  );
}

/**
 * @param templates - folder of the templates, to name what needs no extension
 * @throws ProviderError for an extension that the server does not offer.
 */
export function assertOffered(
  subject: string,
  extensions: readonly string[],
  facts: Pick<BaselineFacts, "version" | "offeredExtensions">,
  templates: string,
): void {
  const lacking = extensions.filter((name) => !facts.offeredExtensions.includes(name));
  if (lacking.length === 0) return;
  const ways = waysAround(
    templateNames(templates).map((template) => loadTemplate(templates, template)),
    lacking,
  );
  const instead = ways.length === 0 ? "" : `, or do without it: ${ways.join("; ")}`;
  throw new ProviderError(
    `${subject}: PostgreSQL ${facts.version} does not offer the extension ${lacking.join(", ")}. ` +
      `Install its package on the server${instead}.`,
  );
}

/** Choices of a template that need none of the extensions, and templates in the place of one that always does. */
function waysAround(all: readonly Template[], lacking: readonly string[]): string[] {
  const free = (names: readonly string[]) => !names.some((name) => lacking.includes(name));
  return all.flatMap((user) => {
    if (!free(user.extensions)) {
      const variant = all.find(({ name }) => name === `${user.name}-exact`);
      return variant !== undefined && free(variant.extensions)
        ? [`template "${variant.name}" in the place of "${user.name}"`]
        : [];
    }
    return Object.entries(user.variables).flatMap(([name, variable]) => {
      if (variable.type !== "choice") return [];
      const choices = Object.entries(variable.choices);
      if (choices.every(([, choice]) => free(choice.extensions))) return [];
      const others = choices.filter(([, choice]) => free(choice.extensions)).map(([choice]) => `${name}: ${choice}`);
      return others.length === 0 ? [] : [`${others.join(" or ")} in the variables of "${user.name}"`];
    });
  });
}

export function extensionFaults(extensions: readonly string[]): CheckFailure[] {
  return [...extensions.entries()].flatMap(([index, name]) =>
    /^[a-z][a-z0-9_-]{0,62}$/.test(name)
      ? []
      : [
          {
            property: `extensions[${index}]`,
            reason: `${JSON.stringify(name)} is no name of an extension: lower-case letters, digits, - and _`,
          },
        ],
  );
}
