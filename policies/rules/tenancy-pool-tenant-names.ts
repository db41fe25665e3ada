import { poolNames, poolTenantId, postgresNames } from "../../components/naming.ts";
import { type Resource, shown, stackRule, undecided } from "../rule.ts";
import { nameFindings } from "../support/names.ts";
import { rosterType, Tenants } from "../support/tenants.ts";
import { subjectOf } from "../support/verdict.ts";
import { text, unknown } from "../values.ts";

const type = "tenancy:postgres:PoolTenant";

export default stackRule({
  name: "tenancy-pool-tenant-names",
  subject: "isolation",
  description:
    "A tenant in a pool has logins with its own names, the tenant_id of its external id, and the groups of its pool.",
  reason:
    "A wrong login is one that another tenant knows the password of; a wrong tenant_id shows another tenant's rows.",
  source: {
    title: "PostgreSQL manual, 5.9 Row Security Policies",
    url: "https://www.postgresql.org/docs/current/ddl-rowsecurity.html",
  },
  remediation:
    "Derive the names with postgresNames and poolNames, and tenantId with poolTenantId, of components/naming.ts",
  severity: "critical",
  enforcement: "mandatory",
  types: [rosterType, type],
  *check(resources, context) {
    const tenants = new Tenants(resources, context);
    yield* nameFindings(resources, type, tenants, (prefix, { id }) => {
      const { appRole, readOnlyRole } = postgresNames(prefix, id);
      return { appRole, readOnlyRole };
    });
    for (const resource of resources) {
      if (resource.type !== type) continue;
      for (const [property, from, expected] of derived(resource)) {
        const found = resource.props[property];
        if (found === unknown || from === unknown) {
          yield undecided(`${subjectOf(resource)}: ${property}`, resource.urn);
        } else if (found !== expected) {
          yield {
            urn: resource.urn,
            message: `${subjectOf(resource)}: ${property} is ${shown(found)} and not ${shown(expected)}`,
          };
        }
      }
    }
  },
});

/** Each property with what it follows from, and what it has to be. */
function* derived({ props }: Resource): Iterable<[property: string, from: unknown, expected: string | undefined]> {
  const { externalId, pool } = props;
  yield ["tenantId", externalId, typeof externalId === "string" ? poolTenantId(externalId) : undefined];
  const names = namesOf(text(pool));
  yield ["schema", pool, names?.schema];
  yield ["ownerRole", pool, names?.ownerRole];
  yield ["poolAppRole", pool, names?.appRole];
  yield ["poolReadOnlyRole", pool, names?.readOnlyRole];
}

/** A name that the naming module refuses has no names: the provider refuses it, too. */
function namesOf(pool: string | undefined) {
  try {
    return pool === undefined ? undefined : poolNames(pool);
  } catch {
    return undefined;
  }
}
