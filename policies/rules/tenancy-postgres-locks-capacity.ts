import { stackRule } from "../rule.ts";
import { limitSetting, measure, warnAtSetting } from "../support/capacity.ts";
import { ofType } from "../support/links.ts";
import { relationsByDefault, relationsOf, relationsSetting } from "../support/relations.ts";
import { rosterType, Tenants } from "../support/tenants.ts";
import { numberOf, subjectOf } from "../support/verdict.ts";

const schema = "tenancy:postgres:Schema";

interface Settings {
  readonly maxLocksPerTransaction: number;
  readonly maxConnections: number;
  readonly templates: Readonly<Record<string, number>>;
  readonly relations: number;
  readonly warnAt: number;
}

export default stackRule<Settings>({
  name: "tenancy-postgres-locks-capacity",
  subject: "capacity",
  description: "The lock table has room for every schema that an update may drop at once.",
  reason:
    "DROP SCHEMA locks each relation inside: past max_locks_per_transaction x max_connections it fails with `out of shared memory`.",
  source: {
    title: "PostgreSQL manual, 19.12 Lock Management",
    url: "https://www.postgresql.org/docs/current/runtime-config-locks.html",
  },
  remediation:
    "Lower maxDeletes, raise max_locks_per_transaction and the setting, or give large tenants a database of their own",
  severity: "medium",
  enforcement: "mandatory",
  types: [rosterType, schema],
  settings: {
    maxLocksPerTransaction: limitSetting("max_locks_per_transaction of the server.", 64),
    maxConnections: limitSetting("max_connections of the server.", 100),
    templates: relationsSetting,
    relations: limitSetting("Relations of a template that templates does not name.", relationsByDefault),
    warnAt: warnAtSetting,
  },
  *check(resources, context) {
    const { settings } = context;
    const schemas = ofType(resources, schema);
    if (schemas.length === 0) return;
    const atOnce = numberOf(new Tenants(resources, context).roster?.props.maxDeletes) ?? 1;
    const slots = settings.maxLocksPerTransaction * settings.maxConnections;
    let largest = schemas[0];
    let most = 0;
    for (const one of schemas) {
      const relations = relationsOf(one, settings);
      if (relations > most) [largest, most] = [one, relations];
    }
    if (largest === undefined) return;
    const what = `${subjectOf(largest)}: locks of dropping ${Math.max(atOnce, 1)} schemas like this at once`;
    for (const finding of measure(most * Math.max(atOnce, 1), slots, what, settings.warnAt)) {
      yield { ...finding, urn: largest.urn };
    }
  },
});
