/** What the shared catalogue of tenants knows of a tenant whose data lies in a database of its own. */
import type { DatabaseInputs } from "../inputs.ts";
import { eventSql, recordRemovalSql, recordSchemaSql } from "./catalogue.ts";
import type { Place } from "./database-place.ts";
import type { Task } from "./faults.ts";
import type { Live } from "./live.ts";
import type { PostgresPools } from "./pool.ts";
import { assertFree } from "./schema-work.ts";

export class DatabaseCatalogue {
  readonly #pools: PostgresPools;
  readonly #place: Place;
  readonly #inputs: DatabaseInputs;

  constructor(pools: PostgresPools, place: Place, inputs: DatabaseInputs) {
    this.#pools = pools;
    this.#place = place;
    this.#inputs = inputs;
  }

  /** @throws ProviderError for the id of a removed tenant, and for one of another stack. */
  async assertFree(urn: string): Promise<void> {
    const { catalogue } = this.#place;
    if (catalogue === undefined) return;
    const { tenant } = this.#inputs;
    const [row] = await this.#pools.run(catalogue, this.#task("reading the catalogue of tenants"), (session) =>
      session.query<NonNullable<Live["row"]>>(
        `SELECT status, project, stack, removed_at::text AS "removedAt" FROM platform.tenants WHERE id = $1`,
        [tenant],
      ),
    );
    assertFree(row ?? null, tenant, urn);
  }

  /** Whether the catalogue has an entry of the tenant; true where there is no catalogue. */
  async has(): Promise<boolean> {
    const { catalogue } = this.#place;
    if (catalogue === undefined) return true;
    const rows = await this.#pools.run(catalogue, this.#task("reading the catalogue of tenants"), (session) =>
      session.query("SELECT FROM platform.tenants WHERE id = $1", [this.#inputs.tenant]),
    );
    return rows.length > 0;
  }

  /** The tenant's database is there and in its state. */
  record(urn: string, event: string): Promise<void> {
    const { server, database, recoveredFrom } = this.#inputs;
    const from = event === "recover" ? { from: recoveredFrom } : {};
    return this.#write([
      recordSchemaSql({ ...this.#inputs, urn }),
      eventSql(this.#inputs.tenant, event, { store: "postgres", server, database, ...from }),
    ]);
  }

  /** A tombstone, with the record of why the data may be gone. */
  recordRemoval(waiver: NonNullable<DatabaseInputs["backupWaiver"]>): Promise<void> {
    const { tenant, server, database } = this.#inputs;
    return this.#write([
      recordRemovalSql(tenant, waiver),
      eventSql(tenant, "remove", { store: "postgres", server, database, waiver }),
    ]);
  }

  /** When the tenant's tables were last read or written, as the database itself has noted it. */
  async recordActivity(): Promise<void> {
    const { catalogue, inside } = this.#place;
    if (catalogue === undefined) return;
    const { tenant } = this.#inputs;
    const task = this.#task("recording the last activity");
    const [row] = await this.#pools.run(inside, task, (session) =>
      session.query<{ last: string | null }>("SELECT last_activity::text AS last FROM platform.tenants WHERE id = $1", [
        tenant,
      ]),
    );
    if (row?.last === undefined || row.last === null) return;
    await this.#pools.run(catalogue, task, (session) =>
      session.query(
        "UPDATE platform.tenants SET last_activity = greatest(last_activity, $1::timestamptz) WHERE id = $2",
        [row.last, tenant],
      ),
    );
  }

  async #write(statements: readonly string[]): Promise<void> {
    const { catalogue } = this.#place;
    if (catalogue === undefined) return;
    const script = ["BEGIN;", ...statements, "COMMIT;"].join("\n");
    await this.#pools.run(catalogue, this.#task("writing the catalogue of tenants"), (session) =>
      session.script(script),
    );
  }

  #task(doing: string): Task {
    return { subject: `tenant ${this.#inputs.tenant}`, doing };
  }
}
