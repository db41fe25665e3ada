/** Every user has the role PUBLIC: what Neo4j gives it is narrowed once a server (docs/neo4j.md). */
import { type Finding, repairable } from "../finding.ts";
import type { Neo4jClient } from "./client.ts";
import { showPrivileges } from "./cypher.ts";
import { text } from "./live.ts";
import { privilegeStatement, type PublicChanges, publicChanges } from "./privileges.ts";

export class PublicRole {
  readonly #client: Neo4jClient;
  readonly #procedures: readonly string[];
  #hardened: Promise<void> | undefined;
  #told = false;

  /** @param procedures that everybody may call beyond the usual ones */
  constructor(client: Neo4jClient, procedures: readonly string[]) {
    this.#client = client;
    this.#procedures = procedures;
  }

  /** The first call does it, the others wait for it. */
  async harden(signal?: AbortSignal): Promise<void> {
    this.#hardened ??= this.#apply(signal);
    try {
      await this.#hardened;
    } catch (error) {
      this.#hardened = undefined;
      throw error;
    }
  }

  /** Findings of the server, told with the first tenant that asks: they are the same for all. */
  async drift(signal?: AbortSignal): Promise<readonly Finding[]> {
    if (this.#told) return [];
    this.#told = true;
    const { missing, defaults, further } = await this.#changes(signal).catch((error: unknown) => {
      this.#told = false;
      throw error;
    });
    const field = "role PUBLIC";
    return [
      ...defaults.map((revoke) => {
        const what = revoke.replace(/^REVOKE GRANT (.*) FROM `PUBLIC`$/, "$1");
        return repairable(
          `${field}: ${what}`,
          "granted",
          "not granted",
          `every user has ${what} through the role PUBLIC`,
        );
      }),
      ...missing.map((grant) => {
        const what = grant.replace(/^GRANT (.*) TO `PUBLIC`$/, "$1");
        return repairable(`${field}: ${what}`, "not granted", "granted", `the role PUBLIC has no ${what}`);
      }),
      ...further.map((revoke): Finding => {
        const what = revoke.replace(/^REVOKE GRANT (.*) FROM `PUBLIC`$/, "$1");
        const sentence = `every user has ${what} through the role PUBLIC, which somebody else granted`;
        return {
          field: `${field}: ${what}`,
          is: "granted",
          should: "not granted",
          sentence,
          mend: "administrator",
          statements: [revoke],
        };
      }),
    ];
  }

  async #apply(signal?: AbortSignal): Promise<void> {
    const { missing, defaults } = await this.#changes(signal);
    // First what is allowed, so that no call of a moment between fails.
    for (const statement of [...missing, ...defaults]) {
      await this.#client.run(privilegeStatement(statement), { signal });
    }
  }

  async #changes(signal?: AbortSignal): Promise<PublicChanges> {
    const rows = await this.#client.run(showPrivileges("PUBLIC"), { signal });
    return publicChanges(
      rows.map(({ command }) => text(command)),
      this.#procedures,
    );
  }
}
