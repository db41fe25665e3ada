import { postgresNames } from "../../components/naming.ts";
import { stackRule } from "../rule.ts";
import { nameFindings } from "../support/names.ts";
import { rosterType, Tenants } from "../support/tenants.ts";

const type = "tenancy:postgres:Database";

export default stackRule({
  name: "tenancy-postgres-database-name",
  subject: "isolation",
  description: "A tenant's own PostgreSQL database has the name of this tenant.",
  reason: "A wrong name is another tenant's database on the same server.",
  source: {
    title: "PostgreSQL manual, 22 Managing Databases",
    url: "https://www.postgresql.org/docs/current/managing-databases.html",
  },
  remediation: "Derive the names with postgresNames of components/naming.ts from the tenant's prefix and id",
  severity: "critical",
  enforcement: "mandatory",
  types: [rosterType, type],
  *check(resources, context) {
    yield* nameFindings(resources, type, new Tenants(resources, context), (prefix, { id }) => ({
      database: postgresNames(prefix, id).schema,
    }));
  },
});
