import { redisNames } from "../../components/naming.ts";
import { stackRule } from "../rule.ts";
import { nameFindings } from "../support/names.ts";
import { rosterType, Tenants } from "../support/tenants.ts";

const type = "tenancy:redis:AclUser";

export default stackRule({
  name: "tenancy-acl-user-name",
  subject: "isolation",
  description: "A tenant's Redis user and key prefix have the names of this tenant.",
  reason: "The key prefix is the whole boundary: with another's prefix the tenant reads and deletes another's keys.",
  source: {
    title: "Valkey, ACL",
    url: "https://valkey.io/topics/acl/",
  },
  remediation: "Derive the names with redisNames of components/naming.ts from the tenant's prefix and id",
  severity: "critical",
  enforcement: "mandatory",
  types: [rosterType, type],
  *check(resources, context) {
    yield* nameFindings(resources, type, new Tenants(resources, context), (prefix, { id }) => ({
      ...redisNames(prefix, id),
    }));
  },
});
