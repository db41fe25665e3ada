/** Who attacks whom, a few at a time: every tenant its canary, and the canary every tenant. */
import pLimit from "p-limit";
import type { StoreName } from "../provider/inputs.ts";
import { assault, Controls, type Result } from "./assault.ts";
import type { Residue, StoreProbe } from "./attempt.ts";
import type { MadeCanary } from "./canary/guard.ts";
import type { Party } from "./party.ts";
import { messageOf } from "../provider/message.ts";

/** What one party sees of another although it reaches nothing of it. */
export interface Sight {
  readonly store: StoreName;
  readonly server: string;
  readonly attacker: string;
  readonly victim: string;
  /** Seen and documented. */
  readonly known: readonly Residue[];
  /** Seen and not documented: a leak. */
  readonly grown: readonly string[];
}

export interface RunOptions {
  readonly probes: readonly StoreProbe[];
  readonly tenants: readonly Party[];
  /** Empty where a named tenant is the victim. */
  readonly canaries: readonly MadeCanary[];
  /** The victim of every attacker, where no canary is. */
  readonly against?: Party;
  /** So many tenants attack, or are attacked, at once on each server. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  readonly onResult: (result: Result) => void;
  readonly onSight: (sight: Sight) => void;
  /** Told of what could not be tried at all. */
  readonly onFault: (fault: string) => void;
}

/** Never throws for what a server or a probe does: that is a result or a fault. */
export async function runAttempts(options: RunOptions): Promise<void> {
  const { probes, canaries, against } = options;
  // Servers do not wait for each other; on each, so many tenants are at work as may be.
  await Promise.all([
    ...canaries.map(async ({ place, party }) => {
      const probe = probes.find(({ store }) => store === place.store);
      if (probe !== undefined && (await furnished(probe, party, options))) await runServer(probe, party, options);
    }),
    ...probes.map(async (probe) => {
      if (against?.[probe.store] !== undefined) await runServer(probe, against, options);
    }),
  ]);
}

/** How many results there will be, for the bar. */
export function expectedResults({ probes, tenants, canaries, against }: Omit<RunOptions, "onResult">): number {
  const targets = [...canaries.map(({ party }) => party), ...(against === undefined ? [] : [against])];
  let count = 0;
  for (const probe of probes) {
    for (const target of targets) {
      if (target[probe.store] === undefined) continue;
      for (const tenant of neighbours(probe.store, tenants, target)) {
        count += probe.attempts.filter((attempt) => probe.applies(attempt, target, tenant)).length;
        if (target.canary) count += probe.attempts.filter((attempt) => probe.applies(attempt, tenant, target)).length;
      }
    }
  }
  return count;
}

/** All attempts of one store on one server. */
async function runServer(probe: StoreProbe, target: Party, options: RunOptions): Promise<void> {
  const { tenants, concurrency, signal, onFault } = options;
  const limit = pLimit(concurrency);
  const onServer = neighbours(probe.store, tenants, target);
  const targetControls = new Controls(probe, target);
  const guarded = async (attacker: Party, victim: Party, controls: Controls): Promise<void> => {
    if (signal.aborted) return;
    try {
      await assault(probe, attacker, victim, controls, options.onResult, signal);
    } catch (error) {
      onFault(`${probe.store}: ${attacker.id} against ${victim.id}: ${messageOf(error)}`);
    }
  };
  try {
    await Promise.all(
      onServer.map((tenant) =>
        limit(async () => {
          await guarded(tenant, target, targetControls);
          if (!target.canary) return;
          const controls = new Controls(probe, tenant);
          try {
            await guarded(target, tenant, controls);
          } finally {
            await controls.close();
          }
        }),
      ),
    );
    // The one that shares most with it.
    const first = onServer.find((tenant) => poolOf(tenant) === poolOf(target)) ?? onServer[0];
    if (first !== undefined) await look(probe, first, target, options);
    if (first !== undefined && target.canary) await look(probe, target, first, options);
  } finally {
    await targetControls.close();
  }
}

async function furnished(probe: StoreProbe, canary: Party, { signal, onFault }: RunOptions): Promise<boolean> {
  if (signal.aborted) return false;
  try {
    await probe.furnish(canary);
    return true;
  } catch (error) {
    onFault(
      `${probe.store} ${canary[probe.store]?.name ?? ""}: the canary could not be furnished: ${messageOf(error)}`,
    );
    return false;
  }
}

async function look(probe: StoreProbe, attacker: Party, victim: Party, options: RunOptions): Promise<void> {
  if (options.signal.aborted) return;
  const { store } = probe;
  const server = victim[store]?.name ?? "";
  try {
    const seen = new Set(await probe.visible(attacker, victim));
    options.onSight({
      store,
      server,
      attacker: attacker.id,
      victim: victim.id,
      known: probe.residue.filter(({ place }) => seen.has(place)),
      grown: [...seen].filter((place) => !probe.residue.some((one) => one.place === place)).sort(),
    });
  } catch (error) {
    options.onFault(`${store} ${server}: what ${attacker.id} sees of ${victim.id} is not known: ${messageOf(error)}`);
  }
}

function poolOf({ postgres }: Party): string | undefined {
  return postgres?.pool?.name;
}

/** The tenants that share the target's server. */
export function neighbours(store: StoreName, tenants: readonly Party[], target: Party): Party[] {
  const name = target[store]?.name;
  return tenants.filter((tenant) => tenant.id !== target.id && tenant[store]?.name === name && name !== undefined);
}
