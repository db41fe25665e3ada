import { stackRule } from "../rule.ts";
import { limitSetting, measure, perServerSetting, tally, warnAtSetting } from "../support/capacity.ts";
import { ofType } from "../support/links.ts";
import { relationsByDefault, relationsOf, relationsSetting } from "../support/relations.ts";
import { text } from "../values.ts";

const schema = "tenancy:postgres:Schema";

interface Settings {
  readonly limit: number;
  readonly servers: Readonly<Record<string, number>>;
  readonly templates: Readonly<Record<string, number>>;
  readonly relations: number;
  readonly warnAt: number;
}

export default stackRule<Settings>({
  name: "tenancy-postgres-relations-capacity",
  subject: "capacity",
  description: "A shared database holds no more relations than backends, backups and upgrades can carry.",
  reason:
    "Each backend caches every relation that it touches; 2,000 schemas of 3,500 relations ended servers for want of memory.",
  source: {
    title: "PostgreSQL manual, 54.11 pg_class; docs/benchmarks.md",
    url: "https://www.postgresql.org/docs/current/catalog-pg-class.html",
  },
  remediation: "Place further tenants on another server (placement.postgres) or in another cell",
  severity: "medium",
  enforcement: "mandatory",
  types: [schema],
  settings: {
    limit: limitSetting("Relations of one database.", 50_000),
    servers: perServerSetting("Relations by the server's name, where they differ."),
    templates: relationsSetting,
    relations: limitSetting("Relations of a template that templates does not name.", relationsByDefault),
    warnAt: warnAtSetting,
  },
  *check(resources, { settings }) {
    const sums = tally(
      ofType(resources, schema),
      ({ props }) => text(props.server),
      (one) => relationsOf(one, settings),
    );
    for (const [server, sum] of sums) {
      const limit = settings.servers[server] ?? settings.limit;
      yield* measure(sum, limit, `PostgreSQL server ${server}: relations of all tenants`, settings.warnAt);
    }
  },
});
