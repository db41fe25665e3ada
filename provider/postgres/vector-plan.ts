/** What is to be done about one column of vectors of one tenant. Pure. */
import type { Seen, SeenIndex } from "./vector-look.ts";
import { indexableTypes, operatorClass, predicateText } from "./vector-sql.ts";

/**
 * - `none`: exact search is right, or the index is;
 * - `build`, `drop`: there is none yet, or it is not worth its writes any more;
 * - `rebuild`: an interrupted build is begun anew, and an index with other parameters gives way when its successor is done;
 * - `wait`: another session builds it.
 */
export type VectorAction = "none" | "build" | "rebuild" | "drop" | "wait";

export interface Verdict {
  readonly action: VectorAction;
  /** Of the index, as in `valid`. */
  readonly state: "none" | "valid" | "invalid" | "being built" | "other parameters";
  /** Why, as part of a sentence. */
  readonly reason: string;
  /** What keeps an index from being built at all, with the way out. */
  readonly fault?: string;
}

/**
 * An index is built from the threshold on and dropped below a half of it, so that a tenant near the threshold does not
 * make the server build again and again.
 *
 * @param open - whether the tenant's logins are open: nothing is built for one whose are not
 */
export function decide(seen: Seen, open: boolean): Verdict {
  const { wanted, column, rows, index, next } = seen;
  const none = index === undefined && next === undefined;
  const { threshold } = wanted;
  const state = stateOf(seen);
  const place = `${wanted.table}.${wanted.column}`;
  const no = (fault: string): Verdict => ({ action: "none", state, reason: "cannot have an index", fault });
  if (index !== undefined && !isOfColumn(seen, index)) {
    return no(`the name ${index.name} is taken by an index of ${index.table} with another condition: drop that one`);
  }
  if (state === "being built") return { action: "wait", state, reason: "another session builds it" };
  if (!open) return { action: "none", state, reason: "the tenant is not active" };
  if (wanted.exact) {
    const reason = "searched exactly, as its variables say";
    return { action: none ? "none" : "drop", state, reason };
  }
  if (column === undefined) {
    return no(`the schema has no column ${place}: run \`npm run up\` to its end, or mend what drift tells`);
  }
  const most = indexableTypes[column.type];
  if (most === undefined) {
    return no(`${place} is of the type ${column.type}, of which there is no HNSW index: name it in exactWhere`);
  }
  if (rows.count < threshold / 2) {
    if (none) return { action: "none", state, reason: `exact search below ${shown(threshold)} rows` };
    return { action: "drop", state, reason: `fewer rows than half of ${shown(threshold)}` };
  }
  if (state === "invalid") return { action: "rebuild", state, reason: "its build was interrupted" };
  if (state === "other parameters") return { action: "rebuild", state, reason: parametersText(seen) };
  if (state === "valid") return { action: "none", state, reason: "index as it should be" };
  if (rows.count < threshold) return { action: "none", state, reason: `exact search below ${shown(threshold)} rows` };
  if (column.dimensions < 1 || column.dimensions > most) {
    const has = column.dimensions < 1 ? "no fixed number of dimensions" : `${column.dimensions} dimensions`;
    return no(`${place} has ${has}; an HNSW index takes 1 to ${most} of the type ${column.type}`);
  }
  return { action: "build", state, reason: `${shown(threshold)} rows or more` };
}

function shown(count: number): string {
  return count.toLocaleString("en");
}

function stateOf({ wanted, column, index, next }: Seen): Verdict["state"] {
  if (index?.building === true || next?.building === true) return "being built";
  if (index === undefined) return next === undefined ? "none" : "invalid";
  if (!index.valid) return "invalid";
  const { m, efConstruction, distance } = wanted;
  const asWanted =
    index.m === m &&
    index.efConstruction === efConstruction &&
    (column === undefined || index.operatorClass === operatorClass(column.type, distance));
  return asWanted ? "valid" : "other parameters";
}

function isOfColumn({ wanted, table }: Seen, index: SeenIndex): boolean {
  const predicate = wanted.tenantId === undefined ? null : predicateText(wanted.tenantId);
  const onTable = [wanted.table, table].some((name) => name === index.table || name === index.parent);
  return onTable && index.column === wanted.column && index.predicate === predicate;
}

function parametersText({ wanted, column, index }: Seen): string {
  const { m, efConstruction, distance } = wanted;
  const is = `${index?.operatorClass ?? ""}, m ${index?.m ?? 0}, ef_construction ${index?.efConstruction ?? 0}`;
  const should = `${operatorClass(column?.type ?? "vector", distance)}, m ${m}, ef_construction ${efConstruction}`;
  return `it has ${is}; wanted is ${should}`;
}
