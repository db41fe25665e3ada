import { neo4jNames } from "../../components/naming.ts";
import { stackRule } from "../rule.ts";
import { nameFindings } from "../support/names.ts";
import { rosterType, Tenants } from "../support/tenants.ts";

const type = "tenancy:neo4j:Database";

export default stackRule({
  name: "tenancy-neo4j-database-name",
  subject: "isolation",
  description: "A tenant's Neo4j database, role and user have the names of this tenant.",
  reason: "A role is granted on a database by its name.",
  source: {
    title: "Neo4j operations manual, Manage databases",
    url: "https://neo4j.com/docs/operations-manual/current/database-administration/",
  },
  remediation: "Derive the names with neo4jNames of components/naming.ts from the tenant's prefix and id",
  severity: "critical",
  enforcement: "mandatory",
  types: [rosterType, type],
  *check(resources, context) {
    yield* nameFindings(resources, type, new Tenants(resources, context), (prefix, { id }) => ({
      database: neo4jNames(prefix, id).database,
    }));
  },
});
