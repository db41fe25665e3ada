import { redisNames } from "../../components/naming.ts";
import { shown, stackRule, undecided } from "../rule.ts";
import { cacheUser, memorydbUser } from "../support/aws-types.ts";
import { ofType } from "../support/links.ts";
import { patternsOf } from "../support/redis-acl.ts";
import { rosterType, Tenants } from "../support/tenants.ts";
import { subjectOf } from "../support/verdict.ts";
import { text, unknown } from "../values.ts";

export default stackRule({
  name: "tenancy-cache-user-own-keys",
  subject: "isolation",
  description: "A tenant's user of ElastiCache or MemoryDB reaches the keys and channels of this tenant alone.",
  reason: "The pattern is the whole boundary between tenants of one cache.",
  source: {
    title: "Valkey, ACL: key permissions",
    url: "https://valkey.io/topics/acl/#key-permissions",
  },
  remediation: "Use redisNames of components/naming.ts for the pattern, with `*` behind its closing colon",
  severity: "critical",
  enforcement: "mandatory",
  types: [rosterType, cacheUser, memorydbUser],
  *check(resources, context) {
    const tenants = new Tenants(resources, context);
    for (const user of ofType(resources, cacheUser, memorydbUser)) {
      const tenant = tenants.factsOf(user);
      if (tenant?.prefix === undefined) continue;
      const { accessString } = user.props;
      if (accessString === unknown) yield undecided(`${subjectOf(user)}: accessString`, user.urn);
      const { keyPrefix } = redisNames(tenant.prefix, tenant.id);
      // On a cluster the id is a hash tag, so that a tenant's keys lie in one slot.
      const allowed = [`${keyPrefix}*`, `${tenant.prefix}:{${tenant.id}}:*`];
      for (const pattern of patternsOf(text(accessString) ?? "")) {
        if (allowed.includes(pattern)) continue;
        yield {
          urn: user.urn,
          message: `${subjectOf(user)} reaches ${shown(pattern)}, which is not ${shown(allowed[0])}`,
        };
      }
    }
  },
});
