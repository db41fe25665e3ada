import { shown, stackRule } from "../rule.ts";
import { findProvider, platformOf, providerType } from "../support/platform.ts";
import { developmentStacks } from "../support/settings.ts";
import { rosterType, Tenants } from "../support/tenants.ts";
import { at, isProperties, text } from "../values.ts";

interface Settings {
  readonly developmentStacks: readonly string[];
  readonly aliases: Readonly<Record<string, string>>;
}

export default stackRule<Settings>({
  name: "tenancy-server-in-region",
  subject: "residency",
  description: "Every server that a tenant is placed on lies in the tenant's region.",
  reason: "The region is a promise to the tenant, and often to its authorities.",
  source: {
    title: "GDPR, chapter V: transfers of personal data to third countries",
    url: "https://eur-lex.europa.eu/eli/reg/2016/679/oj",
  },
  remediation: "Place the tenant on a server of its region, or say in aliases that the two names are one region",
  severity: "critical",
  enforcement: "mandatory",
  types: [providerType, rosterType],
  settings: {
    developmentStacks,
    aliases: {
      description: "Regions of servers by name, with the registry's name for each.",
      schema: { type: "object", additionalProperties: { type: "string" } },
      fallback: {},
    },
  },
  *check(resources, context) {
    const { stack, settings } = context;
    if (settings.developmentStacks.includes(stack)) return;
    const platform = platformOf(findProvider(resources));
    if (!isProperties(platform)) return;
    const tenants = new Tenants(resources, context);
    for (const id of tenants.ids) {
      const { region, placement = {} } = tenants.get(id) ?? {};
      for (const [store, placed] of Object.entries(placement)) {
        const server = text(placed) ?? "";
        const found = text(at(platform, store, server, "region"));
        if (found === undefined || region === undefined || (settings.aliases[found] ?? found) === region) continue;
        yield {
          urn: tenants.roster?.urn,
          message: `tenant ${id}: its ${store} server ${server} lies in ${shown(found)} and not in ${shown(region)}`,
        };
      }
    }
  },
});
