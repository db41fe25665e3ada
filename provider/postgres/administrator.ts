/** What only an administrator may mend. */
import { ProviderError } from "../handler.ts";
import type { PostgresPools } from "./pool.ts";

/**
 * Runs the statements in one transaction as the configured administrator; nothing where there are none.
 *
 * @param place.subject - as in `tenant acme`
 * @param place.object - what was changed, as in `PostgreSQL schema "tenant_acme"`
 * @throws ProviderError with the statements, where the platform has no administrator
 */
export async function mendAsAdministrator(
  pools: PostgresPools,
  { server: name, subject, object }: { readonly server: string; readonly subject: string; readonly object: string },
  statements: readonly string[],
): Promise<void> {
  if (statements.length === 0) return;
  const { admin, database } = pools.server(name);
  if (admin === undefined) {
    throw new ProviderError(
      `${subject}: ${object} was changed from outside in a way that only an administrator can mend. ` +
        `Run this in the database ${database}:\n${statements.join("\n")}`,
    );
  }
  await pools.runAs(name, admin, { subject, doing: "mending as the administrator" }, (session) =>
    session.script(`BEGIN;\n${statements.join("\n")}\nCOMMIT;`),
  );
}
