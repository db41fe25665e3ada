import { stackRule, undecided } from "../rule.ts";
import { measure, perServerSetting, tally, warnAtSetting } from "../support/capacity.ts";
import { findProvider, platformOf, providerType, serversOf } from "../support/platform.ts";
import { rosterType, Tenants } from "../support/tenants.ts";
import { numberOf } from "../support/verdict.ts";
import { isProperties, text, unknown } from "../values.ts";

export default stackRule<{ capacities: Readonly<Record<string, number>>; warnAt: number }>({
  name: "tenancy-server-tenants-capacity",
  subject: "capacity",
  description: "No server of the platform has more tenants than it was measured for.",
  reason: "Whoever set the capacity measured it; past it every tenant of the server gets slower.",
  source: {
    title: "AWS SaaS Lens, noisy neighbor",
    url: "https://docs.aws.amazon.com/wellarchitected/latest/saas-lens/noisy-neighbor.html",
  },
  remediation:
    "Place further tenants on another server of the platform or in another cell, or measure again and raise the setting",
  severity: "high",
  enforcement: "mandatory",
  types: [providerType, rosterType],
  settings: {
    capacities: perServerSetting("Most tenants of servers by store and name, as in `postgres/main`."),
    warnAt: warnAtSetting,
  },
  *check(resources, context) {
    const { settings } = context;
    const platform = platformOf(findProvider(resources));
    if (platform === unknown) yield undecided("the platform's configuration");
    const tenants = new Tenants(resources, context);
    if (tenants.roster?.props.tenants === unknown) yield undecided("the Roster's tenants");
    const placements = tenants.ids.flatMap((id) => Object.entries(tenants.get(id)?.placement ?? {}));
    const counts = tally(placements, ([store, server]) => `${store}/${text(server) ?? ""}`);
    const told = (isProperties(platform) ? serversOf(platform) : []).map(
      ({ store, name, settings: server }) => [`${store}/${name}`, numberOf(server.capacity)] as const,
    );
    for (const [place, capacity] of new Map([...told, ...Object.entries(settings.capacities)])) {
      if (capacity === undefined) continue;
      const [store = "", name = ""] = place.split("/");
      yield* measure(counts.get(place) ?? 0, capacity, `${store} server ${name}: tenants`, settings.warnAt);
    }
  },
});
