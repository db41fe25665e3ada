/** Whose a resource is, and what the Roster says of its tenant. */
import type { Context, Resource } from "../rule.ts";
import { at, holdsUnknown, isProperties, type Properties, text, unknown } from "../values.ts";

export const rosterType = "tenancy:index:Roster";

/** Resources that hold a tenant's own data or logins on shared servers. */
export const nativeTypes = [
  "tenancy:postgres:Schema",
  "tenancy:postgres:Database",
  "tenancy:postgres:PoolTenant",
  "tenancy:redis:AclUser",
  "tenancy:storage:Prefix",
  "tenancy:neo4j:Database",
] as const;

export interface TenantFacts {
  readonly id: string;
  /** Naming prefix; undefined where it is not known. */
  readonly prefix: string | undefined;
  readonly tier: string | undefined;
  readonly state: string | undefined;
  readonly region: string | undefined;
  /** Server of each store. */
  readonly placement: Properties;
  readonly hasWaiver: boolean;
}

const tenantComponent = "tenancy:index:Tenant";
/** Labels and tags that say whose a resource is, where it is no child of a tenant's component. */
const tenantLabels = ["tenancy:tenant", "tenant"];

/** The tenants of a stack: built once, asked for each resource. */
export class Tenants {
  readonly #facts = new Map<string, TenantFacts>();
  readonly #parentOf: (urn: string) => string | undefined;
  readonly roster: Resource | undefined;

  constructor(resources: readonly Resource[], { parentOf }: Pick<Context<unknown>, "parentOf">) {
    this.#parentOf = parentOf;
    this.roster = resources.find(({ type }) => type === rosterType);
    const entries = this.roster?.props.tenants;
    if (!isProperties(entries)) return;
    for (const [id, entry] of Object.entries(entries)) {
      const placement = at(entry, "placement");
      this.#facts.set(id, {
        id,
        prefix: text(at(entry, "prefix")),
        tier: text(at(entry, "tier")),
        state: text(at(entry, "state")),
        region: text(at(entry, "region")),
        placement: isProperties(placement) ? placement : {},
        hasWaiver: isProperties(at(entry, "backupWaiver")),
      });
    }
  }

  /** Whether what the Roster says of a tenant is not known yet. */
  isPartial(id: string): boolean {
    const entries = this.roster?.props.tenants;
    return entries === unknown || (isProperties(entries) && holdsUnknown(entries[id]));
  }

  get ids(): readonly string[] {
    return [...this.#facts.keys()];
  }

  get(id: string | undefined): TenantFacts | undefined {
    return id === undefined ? undefined : this.#facts.get(id);
  }

  /** The tenant's id; undefined for what belongs to the platform. */
  of(resource: Resource): string | undefined {
    const own = ownTenant(resource);
    if (own !== undefined) return own;
    // A URN's types are its ancestors': at most so many steps lead to the root.
    for (let urn = resource.parent; urn !== undefined; urn = this.#parentOf(urn)) {
      const id = componentTenant(urn);
      if (id !== undefined) return id;
    }
    return undefined;
  }

  factsOf(resource: Resource): TenantFacts | undefined {
    return this.get(this.of(resource));
  }
}

/** What the resource itself says, without the stack's others. */
export function ownTenant(resource: Resource): string | undefined {
  const { props, parent } = resource;
  const named = text(props.tenant);
  if (named !== undefined) return named;
  const marks = [at(props, "metadata", "labels"), props.tags].filter(isProperties);
  for (const mark of marks) {
    for (const label of tenantLabels) {
      const value = text(mark[label]);
      if (value !== undefined) return value;
    }
  }
  return parent === undefined ? undefined : componentTenant(parent);
}

/** The name of a tenant's component is the tenant's id. */
function componentTenant(urn: string): string | undefined {
  const [, , types = "", ...name] = urn.split("::");
  return types.slice(types.lastIndexOf("$") + 1).startsWith(tenantComponent) ? name.join("::") : undefined;
}

/** As in `tenant acme: `; nothing for what is the platform's. */
export function tenantPrefix(id: string | undefined): string {
  return id === undefined ? "" : `tenant ${id}: `;
}
