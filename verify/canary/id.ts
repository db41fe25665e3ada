/** Ids of canaries: each tells when it may be removed by whoever finds it. */
import { createHash, randomBytes } from "node:crypto";
import { canaryIdPattern } from "../../components/naming.ts";

const minute = 60_000;
/** Clocks of two machines differ, and a run that stops at its expiry still has to remove its canary. */
const graceMinutes = 5;

/** @param expires - milliseconds since 1970; rounded up to a minute */
export function newCanaryId(expires: number): string {
  return `${Math.ceil(expires / minute).toString(36)}-${randomBytes(4).toString("hex")}`;
}

/** A run's canary in a pool: the catalogue has its other one by the id itself. It expires at the same time. */
export function poolCanaryId(id: string, pool: string): string {
  const digest = createHash("sha256").update(`${id}/${pool}`).digest("hex").slice(0, 8);
  return `${id.slice(0, id.indexOf("-"))}-${digest}`;
}

/** Milliseconds since 1970. */
export function expiryOf(id: string): number {
  return Number.parseInt(id.slice(0, id.indexOf("-")), 36) * minute;
}

export function isCanaryId(id: string): boolean {
  return canaryIdPattern.test(id);
}

export function hasExpired(id: string, now: number): boolean {
  return now > expiryOf(id) + graceMinutes * minute;
}
