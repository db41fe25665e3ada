/** What a branch changes, put together: plain data that is shown as Markdown, text or JSON. */
import type { Verdict } from "../../policies/evaluate.ts";
import type { Resource } from "../../policies/rule.ts";
import { parentsOf } from "../../policies/rule.ts";
import { rosterType, Tenants } from "../../policies/support/tenants.ts";
import type { StoreName } from "../../provider/inputs.ts";
import type { Registry } from "../../tenants/load.ts";
import type { Room } from "./capacity.ts";
import type { Cost } from "./cost.ts";
import { dangersOf } from "./dangers.ts";
import type { FileChange } from "./git.ts";
import type { LivePreview } from "./live.ts";
import { type PoolChange, poolChanges, poolDangers, type RingShare, ringOrder } from "./pools.ts";
import { changeKinds, type RecordChange, recordChanges } from "./records.ts";
import { counts, isGuess, type ResourceChange, resourceChanges, type ResourceCounts } from "./resources.ts";
import { say, type Text } from "./text.ts";

/** How a reader has to look at it; the first that fits. */
export type Rating = "refused" | "dangerous" | "ordinary" | "unchanged";

export interface TenantChange extends RecordChange {
  readonly resources: readonly ResourceChange[];
  readonly dangers: readonly Text[];
  /** Its own record is the same on both sides: a profile or the defaults changed. */
  readonly inherited: boolean;
  readonly profile: string;
}

export interface Side {
  readonly registry: Registry;
  readonly resources: readonly Resource[];
  /** Each tenant's own record as it is written, by id. */
  readonly written: ReadonlyMap<string, unknown>;
}

export interface PlanParts {
  readonly base: Side;
  readonly head: Side;
  /** What the Roster will say to the change. */
  readonly refusals: readonly string[];
  readonly policies: PolicyResult;
  readonly room: readonly Room[];
  readonly cost?: Cost;
  /** Outside of the tenants' data. */
  readonly files: readonly FileChange[];
  readonly notes: readonly string[];
  readonly live?: LivePreview;
  readonly stack: string;
  readonly baseRef: string;
  readonly baseCommit: string;
}

export interface PolicyResult {
  readonly posture: string;
  /** What the base does not have. */
  readonly fresh: readonly Verdict[];
  /** What both have. */
  readonly standing: readonly Verdict[];
  /** How many of the base's are gone. */
  readonly solved: number;
}

export interface Plan extends Omit<PlanParts, "base" | "head"> {
  readonly rating: Rating;
  readonly tenantsBefore: number;
  readonly tenantsAfter: number;
  /** That are there before, after, or both. */
  readonly tenants: number;
  /** Dangerous ones first, then by what is done, then by id. */
  readonly changes: readonly TenantChange[];
  /** Of the registry as a whole. */
  readonly dangers: readonly Text[];
  readonly pools: readonly PoolChange[];
  /** In which order the update comes to the tenants; empty where it comes to all at once. */
  readonly rings: readonly RingShare[];
  /** Of no tenant. */
  readonly platform: readonly ResourceChange[];
  readonly counts: ResourceCounts;
}

export function makePlan(parts: PlanParts): Plan {
  const { base, head, ...rest } = parts;
  const all = resourceChanges(base.resources, head.resources);
  const owners = [ownersOf(base.resources), ownersOf(head.resources)] as const;
  const byTenant = new Map<string, ResourceChange[]>();
  const platform: ResourceChange[] = [];
  for (const change of all) {
    const owner = owners[1](change.urn) ?? owners[0](change.urn);
    if (owner === undefined) platform.push(change);
    else byTenant.set(owner, [...(byTenant.get(owner) ?? []), change]);
  }
  const records = recordChanges(base.registry.tenants, head.registry.tenants);
  const known = new Set(records.map(({ id }) => id));
  const heads = new Map(head.registry.tenants.map((record) => [record.id, record]));
  // A changed template or program reaches tenants whose records are the same.
  const others = [...byTenant.keys()].filter((id) => !known.has(id)).sort();
  const touched: RecordChange[] = [
    ...records,
    ...others.map((id) => ({ id, kind: "changed" as const, before: heads.get(id), after: heads.get(id), fields: [] })),
  ];
  const changes = touched.map((change): TenantChange => {
    const resources = rotated(change, byTenant.get(change.id) ?? [], head.resources, owners[1]);
    const inherited = change.kind === "changed" && equal(base.written.get(change.id), head.written.get(change.id));
    const profile = (change.after ?? change.before)?.profile ?? "";
    return { ...change, resources, dangers: dangersOf(change, resources), inherited, profile };
  });
  const pools = poolChanges(base.registry.pools, head.registry.pools);
  const dangers = [...registryDangers(parts, platform), ...pools.flatMap(poolDangers)];
  const everything = [...changes.flatMap(({ resources }) => resources), ...platform];
  const notes = everything.some(isGuess)
    ? [
        ...parts.notes,
        "whether a resource of AWS is changed in place or replaced is for its provider to say: see --live",
      ]
    : parts.notes;
  return {
    ...rest,
    notes,
    rating: rate(parts, changes, dangers, everything.length),
    tenantsBefore: base.registry.tenants.length,
    tenantsAfter: head.registry.tenants.length,
    tenants: head.registry.tenants.length + changes.filter(({ kind }) => kind === "removed").length,
    changes: changes.sort(inOrder),
    dangers,
    pools,
    rings: ringOrder(changes),
    platform,
    counts: counts(everything),
  };
}

function rate(
  { refusals, policies, live }: PlanParts,
  changes: readonly TenantChange[],
  dangers: readonly Text[],
  resources: number,
): Rating {
  const refused = policies.fresh.some(({ kind, level }) => kind === "violation" && level === "mandatory");
  if (refusals.length > 0 || refused || live?.ok === false) return "refused";
  if (dangers.length > 0 || changes.some((change) => change.dangers.length > 0)) return "dangerous";
  return changes.length === 0 && resources === 0 ? "unchanged" : "ordinary";
}

function inOrder(one: TenantChange, other: TenantChange): number {
  const danger = Number(other.dangers.length > 0) - Number(one.dangers.length > 0);
  if (danger !== 0) return danger;
  const kind = changeKinds.indexOf(one.kind) - changeKinds.indexOf(other.kind);
  return kind !== 0 ? kind : one.id < other.id ? -1 : 1;
}

function ownersOf(resources: readonly Resource[]): (urn: string) => string | undefined {
  const tenants = new Tenants(resources, { parentOf: parentsOf(resources) });
  const byUrn = new Map(resources.map((resource) => [resource.urn, resource]));
  return (urn) => {
    const resource = byUrn.get(urn);
    return resource === undefined || resource.type === rosterType ? undefined : tenants.of(resource);
  };
}

/** A raised counter gives another password, which no preview without the stack's secret can tell from the old one. */
function rotated(
  { id, fields, after }: RecordChange,
  changes: readonly ResourceChange[],
  resources: readonly Resource[],
  ownerOf: (urn: string) => string | undefined,
): ResourceChange[] {
  const stores = fields.flatMap(({ path, before }): StoreName[] => {
    const store = /^(postgres|redis|storage|neo4j)\.rotation$/.exec(path)?.[1] as StoreName | undefined;
    return store === undefined || before === undefined ? [] : [store];
  });
  if (after === undefined || stores.length === 0) return [...changes];
  const known = new Set(changes.map(({ urn }) => urn));
  const more = resources.filter(
    ({ type, urn }) =>
      stores.some((store) => type.startsWith(`tenancy:${store}:`)) && !known.has(urn) && ownerOf(urn) === id,
  );
  return [
    ...changes,
    ...more.map(({ type, name, urn }) => {
      return { step: "update" as const, type, name, urn, changed: ["password"], unprotected: false };
    }),
  ];
}

function registryDangers({ base, head }: PlanParts, platform: readonly ResourceChange[]): Text[] {
  const [was, is] = [base.registry.maxDeletes, head.registry.maxDeletes];
  const dangers: Text[] = [];
  if (is > was)
    dangers.push([{ strong: "maxDeletes raised" }, ...say`: ${was} → ${is} tenants may leave in one update`]);
  for (const { step, type, name, unprotected } of platform) {
    if (step === "replace" || step === "delete") dangers.push([{ strong: `${step}d` }, ...say`: ${`${type} ${name}`}`]);
    else if (unprotected) dangers.push([{ strong: "no longer protected" }, ...say`: ${`${type} ${name}`}`]);
  }
  return dangers;
}

function equal(one: unknown, other: unknown): boolean {
  return one !== undefined && JSON.stringify(one) === JSON.stringify(other);
}

/** As in `3 tenants`. */
export function plural(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
