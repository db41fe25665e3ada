import { postgresNames } from "../../components/naming.ts";
import { stackRule } from "../rule.ts";
import { nameFindings } from "../support/names.ts";
import { rosterType, Tenants } from "../support/tenants.ts";

const type = "tenancy:postgres:Schema";

export default stackRule({
  name: "tenancy-schema-name",
  subject: "isolation",
  description: "A tenant's schema and its roles have the names of this tenant.",
  reason: "A wrong name is another tenant's schema, or a role that another tenant logs in with.",
  source: {
    title: "PostgreSQL manual, 5.10 Schemas",
    url: "https://www.postgresql.org/docs/current/ddl-schemas.html",
  },
  remediation: "Derive the names with postgresNames of components/naming.ts from the tenant's prefix and id",
  severity: "critical",
  enforcement: "mandatory",
  types: [rosterType, type],
  *check(resources, context) {
    yield* nameFindings(resources, type, new Tenants(resources, context), (prefix, { id }) => ({
      ...postgresNames(prefix, id),
    }));
  },
});
