import { stackRule } from "../rule.ts";
import { measure, tally, warnAtSetting } from "../support/capacity.ts";
import { findProvider, platformOf, providerType, serversOf } from "../support/platform.ts";
import { rosterType, Tenants } from "../support/tenants.ts";
import { numberOf } from "../support/verdict.ts";
import { isProperties, text } from "../values.ts";

export default stackRule<{ warnAt: number }>({
  name: "tenancy-server-tenants-capacity",
  subject: "capacity",
  description: "No server of the platform has more tenants than its `capacity` says.",
  reason: "Whoever set the capacity measured it; past it every tenant of the server gets slower.",
  source: {
    title: "AWS SaaS Lens, noisy neighbor",
    url: "https://docs.aws.amazon.com/wellarchitected/latest/saas-lens/noisy-neighbor.html",
  },
  remediation: "Place further tenants on another server of the platform or in another cell, or raise `capacity`",
  severity: "high",
  enforcement: "mandatory",
  types: [providerType, rosterType],
  settings: { warnAt: warnAtSetting },
  *check(resources, context) {
    const { settings } = context;
    const platform = platformOf(findProvider(resources));
    if (!isProperties(platform)) return;
    const tenants = new Tenants(resources, context);
    const placements = tenants.ids.flatMap((id) => Object.entries(tenants.get(id)?.placement ?? {}));
    const counts = tally(placements, ([store, server]) => `${store}/${text(server) ?? ""}`);
    for (const { store, name, settings: server } of serversOf(platform)) {
      const capacity = numberOf(server.capacity);
      if (capacity === undefined) continue;
      yield* measure(
        counts.get(`${store}/${name}`) ?? 0,
        capacity,
        `${store} server ${name}: tenants`,
        settings.warnAt,
      );
    }
  },
});
