import { stackRule } from "../rule.ts";
import { iamRole } from "../support/aws-types.ts";
import { limitSetting, measure, tally, warnAtSetting } from "../support/capacity.ts";
import { ofType } from "../support/links.ts";

export default stackRule<{ limit: number; elsewhere: number; warnAt: number }>({
  name: "tenancy-iam-roles-capacity",
  subject: "capacity",
  description: "An account has at most as many IAM roles as its quota allows.",
  reason: "A role for each tenant ends at 1,000 tenants, 5,000 after an increase.",
  source: {
    title: "IAM User Guide, IAM and AWS STS quotas",
    url: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
  },
  remediation:
    "Use one role with session tags for all tenants, another account for the next cell, or raise the quota and the setting limit",
  severity: "high",
  enforcement: "mandatory",
  types: [iamRole],
  settings: {
    limit: limitSetting("The account's quota.", 1000),
    elsewhere: limitSetting("How many of the quota are used by others than this stack.", 0),
    warnAt: warnAtSetting,
  },
  *check(resources, { settings }) {
    const counts = tally(ofType(resources, iamRole), () => "account");
    for (const [place, count] of counts) {
      yield* measure(count + settings.elsewhere, settings.limit, `AWS ${place}: IAM roles`, settings.warnAt);
    }
  },
});
