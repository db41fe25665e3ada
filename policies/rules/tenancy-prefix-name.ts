import { storageNames } from "../../components/naming.ts";
import { stackRule } from "../rule.ts";
import { nameFindings } from "../support/names.ts";
import { rosterType, Tenants } from "../support/tenants.ts";

const type = "tenancy:storage:Prefix";

export default stackRule({
  name: "tenancy-prefix-name",
  subject: "isolation",
  description: "A tenant's prefix in object storage and its user have the names of this tenant.",
  reason: "The prefix ends the tenant's IAM policy: with another's prefix the tenant reads another's objects.",
  source: {
    title: "Amazon S3 User Guide, Organizing objects using prefixes",
    url: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-prefixes.html",
  },
  remediation: "Derive the names with storageNames of components/naming.ts from the tenant's prefix and id",
  severity: "critical",
  enforcement: "mandatory",
  types: [rosterType, type],
  *check(resources, context) {
    yield* nameFindings(resources, type, new Tenants(resources, context), (prefix, { id }) => ({
      ...storageNames(prefix, id),
    }));
  },
});
