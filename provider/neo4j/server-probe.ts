/** What has to be known of a server before a database is made: its edition, and whether one more fits in. */
import { ProviderError } from "../handler.ts";
import type { Neo4jClient, RunOptions } from "./client.ts";
import { components, databaseLimit, databaseNames } from "./cypher.ts";
import { otherEdition } from "./errors.ts";
import { text, texts } from "./live.ts";

export class ServerProbe {
  readonly #client: Neo4jClient;
  #edition: Promise<void> | undefined;
  /** Databases that this run is going to make: together they may not pass the limit. */
  readonly #planned = new Set<string>();

  constructor(client: Neo4jClient) {
    this.#client = client;
  }

  /** @throws ProviderError where the server is not the Enterprise edition. */
  async assertEnterprise(options: RunOptions = {}): Promise<void> {
    this.#edition ??= this.#readEdition(options);
    try {
      await this.#edition;
    } catch (error) {
      this.#edition = undefined;
      throw error;
    }
  }

  /**
   * Stopped databases count, and `system`, too:
   * https://neo4j.com/docs/operations-manual/current/database-administration/standard-databases/configuration-parameters/
   *
   * @throws ProviderError where the database is not there and cannot be made.
   */
  async assertRoom(database: string, options: RunOptions = {}): Promise<void> {
    const [limitRow, namesRow] = await Promise.all([
      this.#client.run(databaseLimit, options).then((rows) => rows[0]),
      this.#client.run(databaseNames, options).then((rows) => rows[0]),
    ]);
    const names = texts(namesRow?.names);
    if (names.includes(database)) return;
    this.#planned.add(database);
    const limit = Number(text(limitRow?.value));
    // A server that does not tell its limit refuses by itself: status 51N55.
    if (!Number.isInteger(limit) || limit <= 0) return;
    const planned = [...this.#planned].filter((name) => !names.includes(name));
    if (names.length + planned.length <= limit) return;
    throw new ProviderError(
      `Neo4j at ${this.#client.uri} has ${names.length} databases, and dbms.max_databases is ${limit}, which counts system and stopped ones: ` +
        `no room for ${planned.length === 1 ? `"${database}"` : `the ${planned.length} new ones of this run`}. ` +
        `Raise dbms.max_databases on the server, drop a database, or place the tenant on another server.`,
    );
  }

  /** A database that was removed gives its room back. */
  forget(database: string): void {
    this.#planned.delete(database);
  }

  async #readEdition(options: RunOptions = {}): Promise<void> {
    const [row] = await this.#client.run(components, options);
    const edition = text(row?.edition);
    if (edition.toLowerCase() === "enterprise") return;
    throw new ProviderError(
      otherEdition(this.#client.uri, edition === "" ? "unknown" : capital(edition), text(row?.version)),
    );
  }
}

function capital(word: string): string {
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
}
