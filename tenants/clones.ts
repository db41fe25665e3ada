/** Whether a tenant can be made like another. */
import { rings } from "../provider/inputs.ts";
import { type FaultText, quote } from "./faults.ts";
import { type TenantLayer, nodeAt } from "./layers.ts";
import type { Surroundings, TenantRecord } from "./resolve.ts";
import { contentKeys } from "./resolve-postgres.ts";
import { didYouMean, tierText } from "./written.ts";

export function isClone({ node }: TenantLayer): boolean {
  return nodeAt(node, ["clone"]) !== undefined;
}

/** Tells what the record itself shows, and the other tenants of the registry. */
export function checkClone(tenant: TenantLayer, tenants: readonly TenantLayer[], around: Surroundings): void {
  const tell = (keys: readonly string[], text: FaultText): void => {
    around.tell(tenant, keys, text);
  };
  for (const key of contentKeys) {
    if (nodeAt(tenant.node, ["postgres", key]) === undefined) continue;
    tell(["postgres", key], {
      message: `this stands beside clone, which takes ${key} from the other tenant`,
      found: `${quote(key)}, and clone`,
      allowed: `clone without postgres.${key}`,
      fix: "remove one of the two",
    });
  }
  const of = tenant.values.clone?.of;
  if (of === undefined) return;
  const others = tenants.map(({ id }) => id).filter((id) => id !== tenant.id);
  const source = tenants.find(({ id }) => id === of);
  const allowed = "another tenant of the tier bridge or silo, that is no clone itself";
  if (of === tenant.id) {
    const fix = "name another tenant, or remove clone";
    tell(["clone", "of"], { message: "a tenant cannot be a clone of itself", found: quote(of), allowed, fix });
  } else if (source === undefined) {
    tell(["clone", "of"], {
      message: `there is no tenant ${quote(of)} to take the structure from`,
      found: quote(of),
      allowed,
      fix: didYouMean(
        of,
        others,
        "name a tenant of the registry; in place of a clone whose source has left, write template, variables and " +
          "additionalSql that the source had",
      ),
    });
  } else if (isClone(source)) {
    const first = source.values.clone?.of;
    const fix =
      first === undefined || first === tenant.id
        ? "give one of the two a template of its own"
        : `name ${quote(first)}, which that one is a clone of`;
    tell(["clone", "of"], { message: `the tenant ${quote(of)} is a clone itself`, found: quote(of), allowed, fix });
  }
}

/** Tells what only the resolved records of both show. */
export function checkCloned(clone: TenantRecord, source: TenantRecord, layer: TenantLayer, around: Surroundings): void {
  const tell = (key: "of" | "data", text: FaultText): void => {
    around.tell(layer, ["clone", key], text);
  };
  // A clone in a pool was told where its tier is.
  if (clone.tier === "pool") return;
  if (source.tier === "pool") {
    tell("of", {
      message: `the tenant ${quote(source.id)} has no schema of its own that this one could be like`,
      found: `tier: pool of tenant ${quote(source.id)}`,
      allowed: "a tenant of the tier bridge or silo",
      fix: "name another tenant, or write a template into this one",
    });
    return;
  }
  const template = around.templates.get(source.postgres?.template ?? "");
  if (template !== undefined && !(template instanceof Error) && !template.tiers.includes(clone.tier)) {
    tell("of", tierText(template, clone.tier, around.templates));
  }
  if (clone.clone?.data !== true) return;
  if (clone.tier !== "bridge" || source.tier !== "bridge") {
    tell("data", {
      message: "rows are copied between tenants of the tier bridge only",
      found: `tier: ${clone.tier}, and ${source.tier} of tenant ${quote(source.id)}`,
      allowed: "data: true where both are of the tier bridge",
      fix: "write data: false, which takes the structure only, or another tier",
    });
    return;
  }
  const [here, there] = [clone.placement.postgres ?? "", source.placement.postgres ?? ""];
  if (here !== there) {
    tell("data", {
      message: "rows are copied inside of one database only",
      found: `${quote(here)}, and ${quote(there)} of tenant ${quote(source.id)}`,
      allowed: "data: true where both lie on the same server of PostgreSQL",
      fix: `write data: false, which takes the structure only, or place the tenant on ${quote(there)}`,
    });
  }
  if (rings.indexOf(source.ring) > rings.indexOf(clone.ring)) {
    tell("data", {
      message: "the tenant would be made before the one that its rows come from",
      found: `ring: ${clone.ring}, and ${source.ring} of tenant ${quote(source.id)}`,
      allowed: "data: true where the source is in the same ring or an earlier one",
      fix: `write ring: ${source.ring}, or an earlier ring into tenant ${quote(source.id)}`,
    });
  }
}
