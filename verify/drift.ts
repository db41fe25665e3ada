/**
 * What `tenancy drift` finds: every place of the stack's state, read by the same handlers that made it, beside what lies
 * on the servers and belongs to nobody.
 */
import pLimit from "p-limit";
import type { Finding } from "../provider/finding.ts";
import { ProviderError } from "../provider/handler.ts";
import type { StoreName } from "../provider/inputs.ts";
import type { AnyHandler } from "../provider/rpc.ts";
import type { StateResource } from "./drift-state.ts";
import type { Orphan } from "./orphans/orphan.ts";

/** So many places are read at once; PostgreSQL's connections are limited by themselves. */
const concurrency = 8;

/** After so many failures the other places of a server are not asked: each waits 20 s for one that does not answer. */
const patience = 3;

export interface PlaceDrift {
  /** Undefined for what belongs to a whole server. */
  readonly tenant: string | undefined;
  readonly store: StoreName | "platform";
  /** Name of the platform's server. */
  readonly server: string;
  /** Physical name, as in `tenant_acme`. */
  readonly place: string;
  readonly findings: readonly Finding[];
}

export interface DriftReport {
  /** How many places were read. */
  readonly read: number;
  /** Those where something differs, ordered by tenant, store and place. */
  readonly drift: readonly PlaceDrift[];
  readonly orphans: readonly Orphan[];
  /** What could not be found out, as sentences: with one of them nobody can say that nothing differs. */
  readonly unknown: readonly string[];
  /** What is not looked at here, as sentences. */
  readonly notes: readonly string[];
}

export interface ReadOptions {
  readonly handlers: ReadonlyMap<string, AnyHandler>;
  readonly signal?: AbortSignal;
  readonly onRead?: () => void;
}

/** Reads every resource; a server that does not answer makes its places unknown, and no more. */
export async function readDrift(
  resources: readonly StateResource[],
  { handlers, signal, onRead }: ReadOptions,
): Promise<{ drift: PlaceDrift[]; unknown: string[] }> {
  const limit = pLimit(concurrency);
  const unknown: string[] = [];
  const failures = new Map<string, number>();
  const read = await Promise.all(
    resources.map((resource) =>
      limit(async (): Promise<PlaceDrift[]> => {
        const { tenant, store, server, name: place } = resource;
        const at = `${store} ${server}`;
        try {
          if ((failures.get(at) ?? 0) >= patience) {
            unknown.push(`${title(resource)}: not asked, since the server failed ${patience} times before`);
            return [];
          }
          if (signal?.aborted === true) throw new ProviderError("stopped");
          const { findings, warnings } = await readPlace(resource, handlers, signal);
          unknown.push(...warnings.map((warning) => `${title(resource)}: ${warning}`));
          return findings.length === 0 ? [] : [{ tenant, store, server, place, findings }];
        } catch (error) {
          if (!(error instanceof ProviderError)) throw error;
          failures.set(at, (failures.get(at) ?? 0) + 1);
          unknown.push(`${title(resource)}: ${error.message}`);
          return [];
        } finally {
          onRead?.();
        }
      }),
    ),
  );
  const key = ({ tenant, store, place }: PlaceDrift) => `${tenant ?? ""}\0${store}\0${place}`;
  const drift = read.flat().toSorted((one, other) => (key(one) < key(other) ? -1 : 1));
  return { drift, unknown: [...new Set(unknown)].sort() };
}

async function readPlace(
  resource: StateResource,
  handlers: ReadonlyMap<string, AnyHandler>,
  signal: AbortSignal | undefined,
): Promise<{ findings: Finding[]; warnings: string[] }> {
  const { urn, type, id, inputs, outputs, name } = resource;
  const handler = handlers.get(type);
  if (handler === undefined) throw new ProviderError(`there is no handler for ${type}`);
  const findings: Finding[] = [];
  const warnings: string[] = [];
  const context = {
    urn,
    adopt: new Set<string>(),
    warn: (message: string) => {
      warnings.push(message);
    },
    status: () => undefined,
    found: (finding: Finding) => {
      findings.push(finding);
    },
    signal: signal ?? new AbortController().signal,
  };
  const live = await handler.read(context, id, inputs, outputs);
  if (live === undefined) {
    const gone: Finding = {
      field: name,
      is: "gone",
      should: "there",
      sentence: `${name} is gone`,
      mend: "by hand",
      statements: ["-- restore it from a backup; `npm run refresh` and `npm run up` would make an empty one"],
    };
    return { findings: [gone], warnings };
  }
  const told = new Set(findings.map(({ sentence }) => sentence));
  for (const sentence of live.inputs.drift ?? []) {
    if (told.has(sentence)) continue;
    findings.push({ field: name, is: "different", should: "as made", sentence, mend: "repair", statements: [] });
  }
  return { findings, warnings };
}

function title({ tenant, store, server, name }: StateResource): string {
  return tenant === undefined ? `${store} server ${server}` : `tenant ${tenant}, ${store} ${name}`;
}

/** 0 no drift, 1 drift, 2 could not tell. An orphan is drift; a canary that a run has under way is none. */
export function exitCodeOf(report: DriftReport, isCanary: (orphan: Orphan) => boolean): 0 | 1 | 2 {
  if (report.drift.length > 0 || report.orphans.some((orphan) => !isCanary(orphan))) return 1;
  return report.unknown.length > 0 ? 2 : 0;
}
