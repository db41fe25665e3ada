import { stackRule } from "../rule.ts";
import { limitSetting, measure, perServerSetting, tally, warnAtSetting } from "../support/capacity.ts";
import { ofType } from "../support/links.ts";
import { findProvider, platformOf, providerType } from "../support/platform.ts";
import { at, isProperties, text } from "../values.ts";

const database = "tenancy:neo4j:Database";

interface Settings {
  readonly limit: number;
  readonly reserved: number;
  readonly servers: Readonly<Record<string, number>>;
  readonly warnAt: number;
}

export default stackRule<Settings>({
  name: "tenancy-neo4j-databases-capacity",
  subject: "capacity",
  description: "A Neo4j server holds at most as many databases as dbms.max_databases allows, stopped ones too.",
  reason: "The next CREATE DATABASE fails with 51N55, in the middle of an update.",
  source: {
    title: "Neo4j operations manual, dbms.max_databases",
    url: "https://neo4j.com/docs/operations-manual/current/database-administration/standard-databases/configuration-parameters/",
  },
  remediation:
    "Place further tenants on another server (placement.neo4j), or raise dbms.max_databases and the setting limit",
  severity: "high",
  enforcement: "mandatory",
  types: [providerType, database],
  settings: {
    limit: limitSetting("dbms.max_databases where servers does not say otherwise.", 100),
    reserved: limitSetting("Databases of the server itself: system and neo4j.", 2),
    servers: perServerSetting("dbms.max_databases of servers by name."),
    warnAt: warnAtSetting,
  },
  *check(resources, { settings }) {
    const platform = platformOf(findProvider(resources));
    // Instances of a tenant's own have a database each.
    const isShared = (server: string): boolean =>
      !isProperties(platform) || (text(at(platform, "neo4j", server, "kind")) ?? "server") === "server";
    const counts = tally(ofType(resources, database), ({ props }) => text(props.server));
    for (const [server, count] of counts) {
      if (!isShared(server)) continue;
      const limit = settings.servers[server] ?? settings.limit;
      yield* measure(count + settings.reserved, limit, `Neo4j server ${server}: databases`, settings.warnAt);
    }
  },
});
