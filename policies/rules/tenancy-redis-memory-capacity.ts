import { stackRule } from "../rule.ts";
import { limitSetting, measure, perServerSetting, tally, warnAtSetting } from "../support/capacity.ts";
import { ofType } from "../support/links.ts";
import { rosterType, Tenants } from "../support/tenants.ts";
import { text } from "../values.ts";

interface Settings {
  readonly limitMegabytes: Readonly<Record<string, number>>;
  readonly usedMegabytes: Readonly<Record<string, number>>;
  readonly plannedMegabytes: number;
  readonly warnAt: number;
}

export default stackRule<Settings>({
  name: "tenancy-redis-memory-capacity",
  subject: "capacity",
  description: "What is used of a Redis server's memory, and what its tenants are planned to use, fit into its limit.",
  reason: "At maxmemory the server evicts every tenant's keys, or refuses every tenant's writes.",
  source: {
    title: "Valkey, Key eviction",
    url: "https://valkey.io/topics/lru-cache/",
  },
  remediation: "Place further tenants on another server (placement.redis) or in another cell, or raise its memory",
  severity: "high",
  enforcement: "mandatory",
  types: [rosterType, "tenancy:redis:AclUser"],
  settings: {
    limitMegabytes: perServerSetting("maxmemory of servers by name; a server without a limit here is not judged."),
    usedMegabytes: perServerSetting("What monitoring says is used, by the server's name."),
    plannedMegabytes: limitSetting("Memory planned for each tenant.", 16),
    warnAt: warnAtSetting,
  },
  *check(resources, context) {
    const { settings } = context;
    const tenants = new Tenants(resources, context);
    // The Roster also knows the tenants of caches in the cloud; without it the users count.
    const placed =
      tenants.ids.length > 0
        ? tenants.ids.map((id) => text(tenants.get(id)?.placement.redis))
        : ofType(resources, "tenancy:redis:AclUser").map(({ props }) => text(props.server));
    const counts = tally(placed, (server) => server);
    for (const [server, limit] of Object.entries(settings.limitMegabytes)) {
      const planned = (counts.get(server) ?? 0) * settings.plannedMegabytes;
      const needed = Math.max(planned, settings.usedMegabytes[server] ?? 0);
      yield* measure(needed, limit, `Redis server ${server}: megabytes used or planned`, settings.warnAt);
    }
  },
});
