import { stackRule } from "../rule.ts";
import { rdsInstance } from "../support/aws-types.ts";
import { limitSetting, measure, tally, warnAtSetting } from "../support/capacity.ts";
import { ofType } from "../support/links.ts";
import { regionName } from "../support/platform.ts";

export default stackRule<{ limit: number; elsewhere: number; warnAt: number }>({
  name: "tenancy-rds-instances-capacity",
  subject: "capacity",
  description: "An account has at most as many instances of Amazon RDS in a region as its quota allows.",
  reason: "The silo of the next tenant is refused in the middle of an update.",
  source: {
    title: "Amazon RDS User Guide, Quotas",
    url: "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html",
  },
  remediation:
    "Raise the quota and the setting limit, place the tenant on a shared server (tier bridge), or use another account for the next cell",
  severity: "high",
  enforcement: "mandatory",
  types: [rdsInstance],
  settings: {
    limit: limitSetting("The account's quota.", 40),
    elsewhere: limitSetting("How many of the quota are used by others than this stack.", 0),
    warnAt: warnAtSetting,
  },
  *check(resources, { settings }) {
    const counts = tally(ofType(resources, rdsInstance), (instance) => `region ${regionName(instance)}`);
    for (const [place, count] of counts) {
      yield* measure(count + settings.elsewhere, settings.limit, `AWS ${place}: instances of RDS`, settings.warnAt);
    }
  },
});
