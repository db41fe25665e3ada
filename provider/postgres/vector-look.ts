/** What there is of a schema's columns of vectors: their rows, and the indexes that this tool made. */
import { vectorIndexName, vectorIndexPrefix } from "../../components/naming.ts";
import type { VectorSettings } from "../../templates/vectors.ts";
import { ProviderError } from "../handler.ts";
import type { PostgresPools, Session } from "./pool.ts";
import { identifier, literal } from "./quote.ts";
import { grantSelf } from "./script.ts";
import { columnsSql, countSql, indexesSql } from "./vector-sql.ts";

/** A schema with vectors: of one tenant, or of a pool. */
export interface VectorPlace {
  /** Name of the database to the pools. */
  readonly database: string;
  readonly schema: string;
  readonly ownerRole: string;
}

export interface WantedColumn extends VectorSettings {
  readonly tenant: string;
  /** Of a tenant in a pool. */
  readonly tenantId?: string;
}

export interface SeenColumn {
  readonly type: string;
  readonly typeSchema: string;
  /** Below 1 where the type says none. */
  readonly dimensions: number;
}

export interface SeenIndex {
  readonly name: string;
  readonly table: string;
  /** The partitioned table that the table is a part of. */
  readonly parent: string | null;
  readonly column: string | null;
  readonly valid: boolean;
  /** A session of the provisioner's builds it now. */
  readonly building: boolean;
  readonly operatorClass: string;
  readonly m: number;
  readonly efConstruction: number;
  readonly predicate: string | null;
  readonly bytes: number;
}

/** `about`: the server's estimate, far from the threshold; `at least`: it was not counted further. */
export interface Rows {
  readonly count: number;
  readonly precision: "exact" | "about" | "at least";
}

export interface Seen {
  readonly wanted: WantedColumn;
  /** Undefined: the schema has no such column. */
  readonly column: SeenColumn | undefined;
  readonly rows: Rows;
  /** The table, or the partition with the tenant's rows. */
  readonly table: string;
  readonly index: SeenIndex | undefined;
  /** What is to take the index's place. */
  readonly next: SeenIndex | undefined;
}

export interface PlaceSeen {
  /** False before the schema's first update. */
  readonly there: boolean;
  readonly columns: readonly Seen[];
  /** Our indexes that nobody asked about. */
  readonly others: readonly SeenIndex[];
}

/** So many times the threshold, and so small a part of it, an estimate is believed. */
const far = 4;

/** Name of an index that takes the place of another when it is done. */
export function nextName(name: string): string {
  return vectorIndexName("next", name.slice(vectorIndexPrefix.length));
}

/**
 * @throws ProviderError when the server cannot be asked, or a pool does not let the provisioner count.
 */
export function lookAtVectors(
  pools: PostgresPools,
  place: VectorPlace,
  wanted: readonly WantedColumn[],
): Promise<PlaceSeen> {
  const task = { subject: `schema ${place.schema}`, doing: "looking at its vectors" };
  return pools.run(place.database, task, async (session) => {
    await session.script("BEGIN");
    try {
      return await look(session, place, wanted);
    } finally {
      await session.script("ROLLBACK").catch(() => undefined);
    }
  });
}

async function look(session: Session, place: VectorPlace, wanted: readonly WantedColumn[]): Promise<PlaceSeen> {
  const { schema, ownerRole } = place;
  const [there] = await session.query(
    "SELECT FROM pg_catalog.pg_namespace n, pg_catalog.pg_roles r WHERE n.nspname = $1 AND r.rolname = $2",
    [schema, ownerRole],
  );
  if (there === undefined) return { there: false, columns: [], others: [] };
  const indexes = await readIndexes(session, schema);
  await becomeOwner(session, ownerRole, true);
  const names = [...new Set(wanted.map(({ table, column }) => `${table}.${column}`))];
  type Row = SeenColumn & { readonly table: string; readonly column: string; readonly estimate: number | null };
  const columns = new Map(
    (await session.query<Row>(columnsSql, [schema, names])).map((row) => [`${row.table}.${row.column}`, row]),
  );
  const find = (name: string) => indexes.find((index) => index.name === name);
  const seen: Seen[] = [];
  const claimed = new Set<string>();
  for (const one of wanted) {
    const name = vectorIndexName(one.table, one.column, one.tenantId);
    claimed.add(name).add(nextName(name));
    const column = columns.get(`${one.table}.${one.column}`);
    const { rows, part } =
      column === undefined
        ? { rows: { count: 0, precision: "exact" } as const, part: null }
        : await countRows(session, schema, one, column.estimate, find(name) !== undefined);
    seen.push({
      wanted: one,
      column,
      rows,
      table: part ?? one.table,
      index: find(name),
      next: find(nextName(name)),
    });
  }
  return { there: true, columns: seen, others: indexes.filter(({ name }) => !claimed.has(name)) };
}

export async function readIndexes(session: Session, schema: string): Promise<SeenIndex[]> {
  const rows = await session.query<Omit<SeenIndex, "m" | "efConstruction"> & { readonly options: readonly string[] }>(
    indexesSql,
    [schema, vectorIndexPrefix],
  );
  return rows.map(({ options, ...row }) => {
    const option = (key: string, fallback: number) =>
      Number(options.find((text) => text.startsWith(`${key}=`))?.slice(key.length + 1) ?? fallback);
    // pgvector's own defaults.
    return { ...row, m: option("m", 16), efConstruction: option("ef_construction", 64) };
  });
}

/** Takes the owner's role, for the open transaction or for the session. */
export async function becomeOwner(session: Session, ownerRole: string, local: boolean): Promise<void> {
  const [may] = await session.query<{ set: boolean }>("SELECT pg_catalog.pg_has_role($1, 'SET') AS set", [ownerRole]);
  if (may?.set !== true) await session.script(grantSelf(ownerRole));
  await session.script(`SET ${local ? "LOCAL " : ""}ROLE ${identifier(ownerRole)}`);
}

/**
 * A schema's rows are estimated, and counted where the estimate is near the threshold. In a pool row-level security is
 * forced on the owner, too: no GROUP BY sees all tenants, so each is counted by its part of the index, in its context.
 */
async function countRows(
  session: Session,
  schema: string,
  { tenant, table, column, tenantId, threshold }: WantedColumn,
  estimate: number | null,
  indexed: boolean,
): Promise<{ rows: Rows; part: string | null }> {
  if (tenantId === undefined) {
    const many = estimate !== null && estimate > far * threshold;
    // An index is never dropped by an estimate.
    const few = estimate !== null && estimate > 0 && estimate < threshold / 2 / far && !indexed;
    if (many || few) return { rows: { count: Math.round(estimate), precision: "about" }, part: null };
    // A policy that hides rows is an error then, and not a small number.
    await session.script("SET LOCAL row_security = off");
  } else {
    await session.script(`SET LOCAL app.tenant_id = ${literal(tenantId)}`);
    const [context] = await session.query<{ id: string | null }>(
      `SELECT ${identifier(schema)}.current_tenant_id()::text AS id`,
    );
    if (context?.id !== tenantId) {
      throw new ProviderError(
        `tenant ${tenant}: the pool's schema ${schema} does not let the provisioner count the tenant's rows ` +
          `(its tenant there is ${context?.id ?? "none"}, not ${tenantId}). Run \`npm run up\` to its end first.`,
      );
    }
  }
  const limit = far * threshold;
  const [row] = await session.query<{ rows: number; part: string | null }>(
    countSql({ schema, table, column, ...(tenantId === undefined ? {} : { tenantId }) }, limit),
  );
  const count = row?.rows ?? 0;
  return { rows: { count, precision: count < limit ? "exact" : "at least" }, part: row?.part ?? null };
}
