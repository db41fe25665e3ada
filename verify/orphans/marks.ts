/** What a mark says of an object that no known tenant has. */
import type { Mark } from "../../provider/mark.ts";
import { type Origin, originOf } from "../../provider/postgres/catalogue.ts";
import type { OrphanSearch } from "./orphan.ts";

export interface MarkedSearch<Server> extends OrphanSearch<Server> {
  /** Project and stack whose tenants are known: what carries another stack's mark is no orphan. Left out: it is. */
  readonly origin?: Origin;
}

/** As in `marked as tenant acme of the stack tenancy/prod`. */
export function describeMark(mark: Mark | undefined): string {
  if (mark === undefined) return "no mark";
  const origin = originIn(mark);
  const of = origin === undefined ? "an unknown stack" : `the stack ${origin.project}/${origin.stack}`;
  return `marked as tenant ${mark.tenant} of ${of}`;
}

export function isOthers(mark: Mark | undefined, origin: Origin | undefined): boolean {
  const marked = mark === undefined || origin === undefined ? undefined : originIn(mark);
  return marked !== undefined && (marked.project !== origin?.project || marked.stack !== origin.stack);
}

function originIn({ urn }: Mark): Origin | undefined {
  try {
    return originOf(urn);
  } catch {
    return undefined;
  }
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
