/** The life of a run's canary: made, removed whatever happens, and before it what killed runs left. */
import type { StoreName } from "../../provider/inputs.ts";
import type { Party } from "../party.ts";
import type { Canaries } from "./canaries.ts";
import { hasExpired } from "./id.ts";
import { type Place, readLeases, removeLease, writeLease } from "./lease.ts";
import { messageOf } from "../../provider/message.ts";

export interface MadeCanary {
  readonly place: Place;
  readonly party: Party;
}

/** What a person has to know of canaries that could not be made or removed; without secrets. */
export type Tell = (fault: string) => void;

/**
 * Removes canaries that have expired, and those of dead processes of this machine.
 *
 * @returns the ids that are gone
 */
export async function removeLeftovers(
  canaries: Canaries,
  leases: string,
  places: readonly Place[],
  tell: Tell,
): Promise<string[]> {
  const known = readLeases(leases);
  const now = Date.now();
  const lost = known.filter(({ id, dead }) => dead || hasExpired(id, now));
  const failed = new Set<string>();
  const removed = new Set<string>();
  for (const place of distinct([...places, ...lost.flatMap((lease) => lease.places)])) {
    // A server that has left the platform took its canaries along.
    if (!canaries.knows(place)) continue;
    const dead = new Set(known.filter((lease) => lease.dead).map(({ id }) => canaries.nameOf(id, place)));
    try {
      for (const [id, live] of await canaries.find(place)) {
        if (!dead.has(id) && !hasExpired(id, now)) continue;
        await canaries.remove(id, place, live);
        removed.add(id);
      }
    } catch (error) {
      for (const lease of lost) if (lease.places.some((one) => isSame(one, place))) failed.add(lease.id);
      tell(`canaries of earlier runs on ${placeText(place)}: ${messageOf(error)}`);
    }
  }
  for (const { id } of lost) if (!failed.has(id)) removeLease(leases, id);
  return [...removed].sort();
}

/**
 * Makes the canary on every server, at most one of a store at a time. A server that refuses is told of, and the others
 * are gone on with.
 */
export async function makeCanary(
  canaries: Canaries,
  leases: string,
  id: string,
  places: readonly Place[],
  signal: AbortSignal,
  tell: Tell,
): Promise<MadeCanary[]> {
  // Before anything is made: a run that is killed now leaves a lease, and nothing else.
  writeLease(leases, id, places);
  const made: MadeCanary[] = [];
  const stores = [...new Set(places.map(({ store }) => store))];
  await Promise.all(
    stores.map(async (store: StoreName) => {
      for (const place of places.filter((one) => one.store === store)) {
        try {
          made.push({ place, party: await canaries.make(id, place, signal) });
        } catch (error) {
          tell(`no canary on ${placeText(place)}: ${messageOf(error)}`);
        }
      }
    }),
  );
  return made;
}

/** @returns whether nothing of the canary is left */
export async function removeCanary(
  canaries: Canaries,
  leases: string,
  id: string,
  places: readonly Place[],
  tell: Tell,
): Promise<boolean> {
  const removals = places.map(async (place): Promise<boolean> => {
    try {
      const name = canaries.nameOf(id, place);
      const live = (await canaries.find(place)).get(name);
      if (live !== undefined) await canaries.remove(name, place, live);
      return true;
    } catch (error) {
      tell(`canary ${id} is left on ${placeText(place)}, and the next run removes it: ${messageOf(error)}`);
      return false;
    }
  });
  const all = (await Promise.all(removals)).every(Boolean);
  if (all) removeLease(leases, id);
  return all;
}

function distinct(places: readonly Place[]): Place[] {
  return places.filter((place, index) => places.findIndex((other) => isSame(other, place)) === index);
}

function isSame(one: Place, other: Place): boolean {
  return one.store === other.store && one.server === other.server && one.pool === other.pool;
}

function placeText({ store, server, pool }: Place): string {
  return `${store} ${server}${pool === undefined ? "" : `, pool ${pool}`}`;
}
