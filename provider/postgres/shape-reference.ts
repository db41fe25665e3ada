/**
 * The shape that a template gives, found out by applying it: in a scratch schema of a scratch role, in a transaction that
 * is rolled back. Nobody sees the schema, and no tenant's object is touched.
 */
import { createHash, randomBytes } from "node:crypto";
import pLimit from "p-limit";
import type { SchemaInputs } from "../inputs.ts";
import { changeLock } from "./catalogue.ts";
import { inTransaction, renderFiles } from "./files.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import { identifier, literal } from "./quote.ts";
import type { RenderedFile } from "./script.ts";
import { describeShape, type Item } from "./shape.ts";

/** So many sets of files are kept: a fleet has few templates, and some tenants files of their own. */
const keptShapes = 200;

/** Shapes by server and files: one scratch schema for each set of files, however many tenants have it. */
export class ReferenceShapes {
  readonly #dependencies: PostgresDependencies;
  readonly #known = new Map<string, Promise<readonly Item[]>>();
  /** Each holds the lock of changes for as long as its files take. */
  readonly #one = pLimit(1);

  constructor(dependencies: PostgresDependencies) {
    this.#dependencies = dependencies;
  }

  /** @throws ProviderError when a file is not the one that was applied, or the server refuses it now. */
  of(inputs: SchemaInputs): Promise<readonly Item[]> {
    const files = renderFiles(this.#dependencies, inputs);
    const key = createHash("sha256")
      .update(JSON.stringify([inputs.server, files.map(({ sql }) => sql)]))
      .digest("hex");
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = this.#one(() => this.#make(inputs, files));
    this.#known.set(key, made);
    made.catch(() => this.#known.delete(key));
    const [oldest] = this.#known.keys();
    if (this.#known.size > keptShapes && oldest !== undefined) this.#known.delete(oldest);
    return made;
  }

  async #make(inputs: SchemaInputs, files: readonly RenderedFile[]): Promise<readonly Item[]> {
    const schema = `tenancy_scratch_${randomBytes(6).toString("hex")}`;
    const names = { schema, ownerRole: `${schema}_owner`, appRole: `${schema}_app`, readOnlyRole: `${schema}_ro` };
    const owner = identifier(names.ownerRole);
    const script = [
      "BEGIN; SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '60s';",
      "SET LOCAL createrole_self_grant = 'set';",
      `CREATE ROLE ${owner} NOLOGIN NOINHERIT;`,
      `SELECT ${changeLock};`,
      `CREATE SCHEMA ${identifier(schema)} AUTHORIZATION ${owner};`,
      `SET LOCAL ROLE ${owner};`,
      `SET LOCAL search_path = ${identifier(schema)}, extensions, pg_catalog;`,
      ...(await inTransaction(files)).map(({ sql }) => `${sql}\n;`),
      "SET LOCAL ROLE NONE; SET LOCAL search_path = pg_catalog, pg_temp;",
    ].join("\n");
    const { template, tenant } = inputs;
    return this.#dependencies.pools.run(
      inputs.server,
      { subject: `tenant ${tenant}`, doing: `applying the template ${literal(template)} in a scratch schema` },
      async (session) => {
        await session.script(script);
        const shape = await describeShape(session, names);
        await session.script("ROLLBACK");
        return shape;
      },
    );
  }
}

const shapes = new WeakMap<PostgresDependencies, ReferenceShapes>();

/** The one of these handlers: its shapes live as long as their connections. */
export function referenceShapes(dependencies: PostgresDependencies): ReferenceShapes {
  const known = shapes.get(dependencies) ?? new ReferenceShapes(dependencies);
  shapes.set(dependencies, known);
  return known;
}
