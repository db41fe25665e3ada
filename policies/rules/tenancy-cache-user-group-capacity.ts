import { stackRule } from "../rule.ts";
import { cacheUserGroup, memorydbAcl } from "../support/aws-types.ts";
import { limitSetting, measure, warnAtSetting } from "../support/capacity.ts";
import { ofType } from "../support/links.ts";
import { subjectOf } from "../support/verdict.ts";
import { list } from "../values.ts";

export default stackRule<{ limit: number; warnAt: number }>({
  name: "tenancy-cache-user-group-capacity",
  subject: "capacity",
  description: "A user group of ElastiCache or a list of MemoryDB has at most 100 users.",
  reason: "A cache takes one group: it holds at most as many tenants.",
  source: {
    title: "Amazon ElastiCache User Guide, Quotas",
    url: "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/quota-limits.html",
  },
  remediation: "Place further tenants on another cache (placement.redis), or raise the quota and the setting limit",
  severity: "high",
  enforcement: "mandatory",
  types: [cacheUserGroup, memorydbAcl],
  settings: { limit: limitSetting("Users of one group.", 100), warnAt: warnAtSetting },
  *check(resources, { settings }) {
    for (const group of ofType(resources, cacheUserGroup, memorydbAcl)) {
      const users = list(group.props.userIds ?? group.props.userNames).length;
      for (const finding of measure(users, settings.limit, `${subjectOf(group)}: users`, settings.warnAt)) {
        yield { ...finding, urn: group.urn };
      }
    }
  },
});
