/**
 * The shape that a template gives, found out by applying it: in a scratch schema of a scratch role, in a transaction that
 * is rolled back. Nobody sees the schema, and no tenant's object is touched.
 */
import { createHash, randomBytes } from "node:crypto";
import pLimit from "p-limit";
import type { SchemaInputs } from "../inputs.ts";
import { changeLock } from "./catalogue.ts";
import { renderFiles } from "./files.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import { identifier, literal } from "./quote.ts";
import type { Session } from "./pool.ts";
import { describeShape, type Item, type ShapeNames } from "./shape.ts";

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
    const files = renderFiles(this.#dependencies, inputs).map(({ sql }) => sql);
    const fill = (session: Session, names: ShapeNames) =>
      session.script(
        [
          `SET LOCAL ROLE ${identifier(names.ownerRole)};`,
          `SET LOCAL search_path = ${identifier(names.schema)}, extensions, pg_catalog;`,
          ...files.map((sql) => `${sql}\n;`),
          "SET LOCAL ROLE NONE; SET LOCAL search_path = pg_catalog, pg_temp;",
        ].join("\n"),
      );
    return this.filled({ ...inputs, subject: `tenant ${inputs.tenant}` }, files, fill);
  }

  /**
   * The shape that `fill` gives a schema. It runs as the provisioner, in the transaction that is rolled back.
   *
   * @param by - what the shape depends on beside the server
   */
  filled(
    place: { readonly server: string; readonly template: string; readonly subject: string },
    by: readonly unknown[],
    fill: (session: Session, names: ShapeNames) => Promise<void>,
  ): Promise<readonly Item[]> {
    const key = createHash("sha256")
      .update(JSON.stringify([place.server, by]))
      .digest("hex");
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = this.#one(() => this.#make(place, fill));
    this.#known.set(key, made);
    made.catch(() => this.#known.delete(key));
    const [oldest] = this.#known.keys();
    if (this.#known.size > keptShapes && oldest !== undefined) this.#known.delete(oldest);
    return made;
  }

  #make(
    { server, template, subject }: { readonly server: string; readonly template: string; readonly subject: string },
    fill: (session: Session, names: ShapeNames) => Promise<void>,
  ): Promise<readonly Item[]> {
    const schema = `tenancy_scratch_${randomBytes(6).toString("hex")}`;
    const names = { schema, ownerRole: `${schema}_owner`, appRole: `${schema}_app`, readOnlyRole: `${schema}_ro` };
    const owner = identifier(names.ownerRole);
    const script = [
      "BEGIN; SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '60s';",
      "SET LOCAL createrole_self_grant = 'set';",
      `CREATE ROLE ${owner} NOLOGIN NOINHERIT;`,
      `SELECT ${changeLock};`,
      `CREATE SCHEMA ${identifier(schema)} AUTHORIZATION ${owner};`,
    ].join("\n");
    return this.#dependencies.pools.run(
      server,
      { subject, doing: `applying the template ${literal(template)} in a scratch schema` },
      async (session) => {
        await session.script(script);
        await fill(session, names);
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
