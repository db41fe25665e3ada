/** The names that a tenant's resources must have: those of components/naming.ts, of its own prefix and id. */
import { type Finding, type Resource, shown, undecided } from "../rule.ts";
import { at, unknown } from "../values.ts";
import { subjectOf } from "./verdict.ts";
import type { TenantFacts, Tenants } from "./tenants.ts";

/** The part of a stack rule that compares properties with what the naming module gives. */
export function* nameFindings(
  resources: readonly Resource[],
  type: string,
  tenants: Tenants,
  expected: (prefix: string, tenant: TenantFacts) => Readonly<Record<string, string>>,
): Iterable<Finding> {
  for (const resource of resources) {
    if (resource.type !== type) continue;
    const id = tenants.of(resource);
    if (id === undefined) continue;
    const tenant = tenants.get(id);
    if (tenant?.prefix === undefined) {
      // Whoever is not in the Roster has a rule of its own; an unknown Roster is decided by the update.
      if (tenants.roster?.props.tenants === unknown) yield undecided("the Roster's tenants", resource.urn);
      continue;
    }
    for (const [property, name] of Object.entries(namesOf(expected, tenant.prefix, tenant))) {
      const found = at(resource.props, ...property.split("."));
      if (found === unknown) yield undecided(`${subjectOf(resource)}: ${property}`, resource.urn);
      else if (found !== name) {
        yield {
          urn: resource.urn,
          message: `${subjectOf(resource)}: ${property} is ${shown(found)} and not ${shown(name)}, which is this tenant's`,
        };
      }
    }
  }
}

/** A prefix or id that the naming module refuses has no names: the provider refuses it, too. */
function namesOf(
  expected: (prefix: string, tenant: TenantFacts) => Readonly<Record<string, string>>,
  prefix: string,
  tenant: TenantFacts,
): Readonly<Record<string, string>> {
  try {
    return expected(prefix, tenant);
  } catch {
    return {};
  }
}
