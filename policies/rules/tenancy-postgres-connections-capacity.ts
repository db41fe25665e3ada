import { stackRule } from "../rule.ts";
import { limitSetting, measure, perServerSetting, tally, warnAtSetting } from "../support/capacity.ts";
import { ofType } from "../support/links.ts";
import { numberOf } from "../support/verdict.ts";
import { text } from "../values.ts";

const types = ["tenancy:postgres:Schema", "tenancy:postgres:Database", "tenancy:postgres:PoolTenant"];

interface Settings {
  readonly maxConnections: number;
  readonly servers: Readonly<Record<string, number>>;
  readonly reserved: number;
  readonly oversubscription: number;
  readonly warnAt: number;
}

export default stackRule<Settings>({
  name: "tenancy-postgres-connections-capacity",
  subject: "capacity",
  description: "The connections that tenants' logins may hold at once fit into max_connections of their server.",
  reason: "A tenant that uses its limit locks others out: `sorry, too many clients already`.",
  source: {
    title: "PostgreSQL manual, 19.3 Connections and Authentication",
    url: "https://www.postgresql.org/docs/current/runtime-config-connection.html",
  },
  remediation:
    "Place further tenants on another server (placement.postgres) or in another cell, lower connectionLimit, raise " +
    "max_connections and the setting, or set oversubscription where a pool in front keeps connections few",
  severity: "high",
  enforcement: "mandatory",
  types,
  settings: {
    maxConnections: limitSetting("max_connections where servers does not say otherwise.", 100),
    servers: perServerSetting("max_connections of servers by name."),
    reserved: limitSetting("Connections of administrators, the provisioner and replication.", 10),
    oversubscription: {
      description: "How many times max_connections the limits may add up to.",
      schema: { type: "number", minimum: 1 },
      fallback: 1,
    },
    warnAt: warnAtSetting,
  },
  *check(resources, { settings }) {
    // A silo on a server of its own has limits of its own.
    const shared = ofType(resources, ...types).filter(({ props }) => props.connection === undefined);
    const sums = tally(
      shared,
      ({ props }) => text(props.server),
      ({ props }) => (numberOf(props.connectionLimit) ?? 0) + (numberOf(props.readOnlyConnectionLimit) ?? 0),
    );
    for (const [server, sum] of sums) {
      const most = settings.servers[server] ?? settings.maxConnections;
      const free = Math.floor((most - settings.reserved) * settings.oversubscription);
      yield* measure(sum, free, `PostgreSQL server ${server}: connections of all tenants`, settings.warnAt);
    }
  },
});
