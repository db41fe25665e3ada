/** One run from the leftovers of the last one to the report: makes the canary, attacks, and removes it whatever happens. */
import { setTimeout as sleep } from "node:timers/promises";
import type { StoreName } from "../provider/inputs.ts";
import type { Result } from "./assault.ts";
import type { StoreProbe } from "./attempt.ts";
import type { Canaries } from "./canary/canaries.ts";
import { makeCanary, type MadeCanary, removeCanary, removeLeftovers } from "./canary/guard.ts";
import { newCanaryId } from "./canary/id.ts";
import type { Place } from "./canary/lease.ts";
import type { Party } from "./party.ts";
import { partySecrets } from "./parties.ts";
import { expectedResults, runAttempts, type Sight } from "./run.ts";
import { addressOf } from "./servers.ts";
import { type Report, scrubber, type ServerLine } from "./summary.ts";

export interface VerifyOptions {
  readonly version: string;
  readonly project: string;
  readonly stack: string;
  readonly probes: readonly StoreProbe[];
  readonly tenants: readonly Party[];
  /** The victim, where it is no canary. */
  readonly against?: Party;
  /** Makes the canaries; needed where `against` is left out. */
  readonly canaries?: Canaries;
  /** Folder of the leases. */
  readonly leases: string;
  readonly concurrency: number;
  /** The run stops after so many minutes, and the canary expires. */
  readonly minutes: number;
  readonly signal: AbortSignal;
  /**
   * Milliseconds that what is under way may take after a stop, before the canary goes all the same.
   * @default 30000
   */
  readonly stopLimitMs?: number;
  /** Secrets that no text of the report may hold, beside the canary's own. */
  readonly secrets: readonly string[];
  readonly faults: readonly string[];
  readonly notes: readonly string[];
  readonly onStart: (expected: number) => void;
  readonly onResult: () => void;
  readonly onStatus: (message: string) => void;
}

/** Never throws for what a server does: the report tells. */
export async function verify(options: VerifyOptions): Promise<Report> {
  const { probes, tenants, against, canaries, leases, minutes, signal, onStatus } = options;
  const started = Date.now();
  const expires = started + minutes * 60_000;
  const expiry = new AbortController();
  const timer = setTimeout(() => {
    expiry.abort();
  }, minutes * 60_000);
  const either = AbortSignal.any([signal, expiry.signal]);
  const secrets = [...options.secrets];
  const scrub = (text: string): string => scrubber(secrets)(text);
  const results: Result[] = [];
  const sights: Sight[] = [];
  const faults = [...options.faults];
  const notes = [...options.notes];
  const tell = (fault: string): void => {
    faults.push(scrub(fault));
  };
  const id = newCanaryId(expires);
  const places = against === undefined ? placesOf(tenants, probes) : [];
  let made: MadeCanary[] = [];
  try {
    if (canaries !== undefined && against === undefined) {
      onStatus("removing what earlier runs left");
      const gone = await removeLeftovers(canaries, leases, places, tell);
      if (gone.length > 0)
        notes.push(`removed ${gone.length === 1 ? "a canary" : "canaries"} of killed runs: ${gone.join(", ")}`);
      onStatus(`making the canary ${id}`);
      made = either.aborted ? [] : await makeCanary(canaries, leases, id, places, either, tell);
      const pools = made.flatMap(({ place }) => place.pool ?? []);
      if (pools.length > 0)
        notes.push(`a canary was a member of the ${pools.length === 1 ? "pool" : "pools"} ${pools.join(", ")}`);
      secrets.push(...made.flatMap(({ party }) => partySecrets(party)));
    }
    const seen = scrubber(secrets);
    const run = {
      probes,
      tenants,
      canaries: made,
      ...(against === undefined ? {} : { against }),
      concurrency: options.concurrency,
      signal: either,
      onResult: (result: Result) => {
        results.push(scrubbed(result, seen));
        options.onResult();
      },
      onSight: (sight: Sight) => sights.push({ ...sight, grown: sight.grown.map(seen) }),
      onFault: tell,
    };
    options.onStart(expectedResults(run));
    await beforeLimit(runAttempts(run), either, options.stopLimitMs ?? 30_000, tell);
  } finally {
    clearTimeout(timer);
    if (canaries !== undefined && against === undefined) {
      onStatus(`removing the canary ${id}`);
      await removeCanary(canaries, leases, id, places, tell);
    }
  }
  const stopped = signal.aborted
    ? "stopped before its end"
    : expiry.signal.aborted
      ? `stopped after ${minutes} minutes, when the canary expires (--minutes)`
      : undefined;
  return {
    version: options.version,
    project: options.project,
    stack: options.stack,
    startedAt: new Date(started).toISOString(),
    seconds: (Date.now() - started) / 1000,
    victim: against === undefined ? { kind: "canary", id } : { kind: "tenant", id: against.id },
    tenants: tenants.map((tenant) => tenant.id),
    stores: probes.map(({ store }) => store),
    servers: serversOf(tenants, probes),
    attempts: probes.flatMap(({ attempts }) => attempts),
    results: [...results],
    sights,
    faults,
    notes,
    ...(stopped === undefined ? {} : { stopped }),
  };
}

/** After a stop an attempt that hangs must not keep the canary on the servers. */
async function beforeLimit(
  run: Promise<void>,
  signal: AbortSignal,
  stopLimitMs: number,
  tell: (fault: string) => void,
): Promise<void> {
  const done = new AbortController();
  const limit = async (): Promise<void> => {
    try {
      if (!signal.aborted) {
        await new Promise((resolve) => {
          AbortSignal.any([signal, done.signal]).addEventListener("abort", resolve, { once: true });
        });
      }
      await sleep(stopLimitMs, undefined, { signal: done.signal });
      tell(`an attempt did not end within ${stopLimitMs / 1000} s after the stop`);
    } catch {
      // The run was faster.
    }
  };
  try {
    await Promise.race([run, limit()]);
  } finally {
    done.abort();
  }
}

function scrubbed(result: Result, scrub: (text: string) => string): Result {
  const { control } = result;
  const clean = { ...result, detail: scrub(result.detail) };
  return control === undefined || control.kind === "proven"
    ? clean
    : { ...clean, control: { ...control, reason: scrub(control.reason) } };
}

/** Each server that one of the tenants lies on, in the order of the stores, and each pool that one is in. */
function placesOf(tenants: readonly Party[], probes: readonly StoreProbe[]): Place[] {
  const servers = serversOf(tenants, probes).map(({ store, name }): Place => ({ store, server: name }));
  const pools = new Map<string, Place>();
  for (const { postgres } of probes.some(({ store }) => store === "postgres") ? tenants : []) {
    const pool = postgres?.pool?.name;
    if (postgres !== undefined && pool !== undefined)
      pools.set(pool, { store: "postgres", server: postgres.name, pool });
  }
  return [...servers, ...[...pools.values()].sort((a, b) => ((a.pool ?? "") < (b.pool ?? "") ? -1 : 1))];
}

function serversOf(tenants: readonly Party[], probes: readonly StoreProbe[]): ServerLine[] {
  return probes.flatMap(({ store }) => {
    const servers = new Map<string, ServerLine>();
    for (const tenant of tenants) {
      const line = lineOf(store, tenant);
      if (line !== undefined) servers.set(line.name, line);
    }
    return [...servers.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  });
}

function lineOf(store: StoreName, tenant: Party): ServerLine | undefined {
  const place = tenant[store];
  if (place === undefined) return undefined;
  const { name, server, embedded } = place;
  // A database of the tenant's own lies on the server that is named by its shared one.
  const shared =
    "sharedDatabase" in place && "database" in server
      ? { ...server, database: place.sharedDatabase ?? server.database }
      : server;
  return { store, name, address: addressOf(shared), embedded };
}
