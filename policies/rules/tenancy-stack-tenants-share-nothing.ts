import { type Finding, stackRule } from "../rule.ts";
import { ofType } from "../support/links.ts";
import { nativeTypes } from "../support/tenants.ts";
import { text } from "../values.ts";

/** Names that must be one tenant's alone, by type: each property with what it is called. */
const owned: Readonly<Record<(typeof nativeTypes)[number], Readonly<Record<string, string>>>> = {
  "tenancy:postgres:Schema": { schema: "schema", ownerRole: "role", appRole: "role", readOnlyRole: "role" },
  "tenancy:postgres:Database": { database: "database", ownerRole: "role", appRole: "role", readOnlyRole: "role" },
  // Tenants of a pool share its schema and its groups; what their rows carry is theirs alone.
  "tenancy:postgres:PoolTenant": { tenantId: "tenant_id", appRole: "role", readOnlyRole: "role" },
  "tenancy:redis:AclUser": { username: "user", keyPrefix: "key prefix" },
  "tenancy:storage:Prefix": { username: "user", prefix: "prefix" },
  "tenancy:neo4j:Database": { database: "database", role: "role", username: "user" },
};

/** What is a begin of names: none may lie inside of another's, and each ends in its separator. */
const begins: Readonly<Record<string, string>> = { "key prefix": ":", prefix: "/" };

interface Owner {
  readonly tenant: string;
  readonly urn: string;
  readonly property: string;
}

export default stackRule({
  name: "tenancy-stack-tenants-share-nothing",
  subject: "isolation",
  description:
    "No two tenants on a server share a role, schema, database, tenant_id, user, key prefix or object prefix, nor does one's " +
    "prefix lie inside of another's.",
  reason: "Whatever they share, both may read and delete; `tenant:a` without its colon is also a begin of `tenant:ab`.",
  source: {
    title: "AWS SaaS Lens, tenant isolation",
    url: "https://docs.aws.amazon.com/wellarchitected/latest/saas-lens/tenant-isolation.html",
  },
  remediation: "Give the tenants profiles whose prefixes differ, or other ids; docs/registry.md has the names' forms",
  severity: "critical",
  enforcement: "mandatory",
  types: nativeTypes,
  *check(resources) {
    const owners = new Map<string, Owner>();
    for (const type of nativeTypes) {
      for (const { props, urn } of ofType(resources, type)) {
        // On a server of the tenant's own there is nobody to share with.
        if (props.connection !== undefined) continue;
        const tenant = text(props.tenant);
        const server = text(props.server);
        if (tenant === undefined || server === undefined) continue;
        for (const [property, what] of Object.entries(owned[type])) {
          const name = text(props[property]);
          if (name === undefined) continue;
          yield* claim(owners, `${type.split(":")[1] ?? ""} ${server} ${what} `, name, { tenant, urn, property });
        }
      }
    }
    yield* nested(owners);
  },
});

function* claim(owners: Map<string, Owner>, place: string, name: string, owner: Owner): Iterable<Finding> {
  const key = `${place}${name}`;
  const other = owners.get(key);
  if (other === undefined) owners.set(key, owner);
  else if (other.tenant !== owner.tenant) {
    yield {
      urn: owner.urn,
      message: `tenant ${owner.tenant}: ${owner.property} ${JSON.stringify(name)} is tenant ${other.tenant}'s, too`,
    };
  } else if (other.urn === owner.urn && other.property !== owner.property) {
    yield {
      urn: owner.urn,
      message: `tenant ${owner.tenant}: ${owner.property} and ${other.property} are both ${JSON.stringify(name)}`,
    };
  }
}

/** Looks at each begin of each prefix once: as many steps as the names have parts. */
function* nested(owners: ReadonlyMap<string, Owner>): Iterable<Finding> {
  for (const [key, owner] of owners) {
    const what = Object.keys(begins).find((kind) => key.includes(` ${kind} `));
    if (what === undefined) continue;
    const separator = begins[what] ?? "";
    const start = key.indexOf(` ${what} `) + what.length + 2;
    if (!key.endsWith(separator) || key.length === start) {
      yield {
        urn: owner.urn,
        message: `tenant ${owner.tenant}: ${owner.property} ${JSON.stringify(key.slice(start))} does not end in ${JSON.stringify(separator)}`,
      };
    }
    for (
      let end = key.indexOf(separator, start);
      end !== -1 && end < key.length - 1;
      end = key.indexOf(separator, end + 1)
    ) {
      for (const begin of [key.slice(0, end), key.slice(0, end + 1)]) {
        const other = owners.get(begin);
        if (other === undefined || other.tenant === owner.tenant) continue;
        yield {
          urn: owner.urn,
          message: `tenant ${owner.tenant}: ${owner.property} ${JSON.stringify(key.slice(start))} lies inside of tenant ${other.tenant}'s`,
        };
      }
    }
  }
}
