/** What a server has to offer before a database can be hardened: its version, and the extensions of the templates. */
import { loadTemplate, templateNames } from "../../templates/load.ts";
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
 * @param templates - folder of the templates, to name one that needs no extension
 * @throws ProviderError for an extension that the server does not offer.
 */
export function assertOffered(
  subject: string,
  extensions: readonly string[],
  facts: BaselineFacts,
  templates: string,
): void {
  const lacking = extensions.filter((name) => !facts.offeredExtensions.includes(name));
  if (lacking.length === 0) return;
  const all = templateNames(templates).map((template) => loadTemplate(templates, template));
  const users = all.filter((template) => template.extensions.some((extension) => lacking.includes(extension)));
  const variants = users.flatMap((user) => {
    const variant = all.find((other) => other.name === `${user.name}-exact` && other.extensions.length === 0);
    return variant === undefined ? [] : [`"${variant.name}" in the place of "${user.name}"`];
  });
  const instead = variants.length === 0 ? "" : `, or use the template ${variants.join(", ")}, which needs none`;
  throw new ProviderError(
    `${subject}: PostgreSQL ${facts.version} does not offer the extension ${lacking.join(", ")}. ` +
      `Install its package on the server${instead}.`,
  );
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
