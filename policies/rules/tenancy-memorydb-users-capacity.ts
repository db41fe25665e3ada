import { stackRule } from "../rule.ts";
import { memorydbUser } from "../support/aws-types.ts";
import { limitSetting, measure, tally, warnAtSetting } from "../support/capacity.ts";
import { ofType } from "../support/links.ts";
import { regionName } from "../support/platform.ts";

export default stackRule<{ limit: number; elsewhere: number; warnAt: number }>({
  name: "tenancy-memorydb-users-capacity",
  subject: "capacity",
  description: "An account has at most as many users of MemoryDB in a region as its quota allows.",
  reason: "The next tenant gets no login.",
  source: {
    title: "Amazon MemoryDB Developer Guide, Quotas",
    url: "https://docs.aws.amazon.com/memorydb/latest/devguide/quota-limits.html",
  },
  remediation:
    "Place further tenants in another region or account (the next cell), or on nodes of your own, or raise the quota and the setting limit",
  severity: "high",
  enforcement: "mandatory",
  types: [memorydbUser],
  settings: {
    limit: limitSetting("The account's quota.", 2000),
    elsewhere: limitSetting("How many of the quota are used by others than this stack.", 0),
    warnAt: warnAtSetting,
  },
  *check(resources, { settings }) {
    const counts = tally(ofType(resources, memorydbUser), (user) => `region ${regionName(user)}`);
    for (const [place, count] of counts) {
      yield* measure(count + settings.elsewhere, settings.limit, `AWS ${place}: users of MemoryDB`, settings.warnAt);
    }
  },
});
