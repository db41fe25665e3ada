import { stackRule } from "../rule.ts";
import { accessPoint } from "../support/aws-types.ts";
import { limitSetting, measure, tally, warnAtSetting } from "../support/capacity.ts";
import { ofType } from "../support/links.ts";
import { regionName } from "../support/platform.ts";

export default stackRule<{ limit: number; elsewhere: number; warnAt: number }>({
  name: "tenancy-access-points-capacity",
  subject: "capacity",
  description: "An account has at most as many access points of S3 in a region as its quota allows.",
  reason: "Access points for each tenant end at 10,000.",
  source: {
    title: "Amazon S3 User Guide, Access points restrictions and limitations",
    url: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-restrictions-limitations.html",
  },
  remediation: "Use prefixes with session tags, or another account or region for the next cell",
  severity: "high",
  enforcement: "mandatory",
  types: [accessPoint],
  settings: {
    limit: limitSetting("The account's quota.", 10000),
    elsewhere: limitSetting("How many of the quota are used by others than this stack.", 0),
    warnAt: warnAtSetting,
  },
  *check(resources, { settings }) {
    const counts = tally(ofType(resources, accessPoint), (point) => `region ${regionName(point)}`);
    for (const [place, count] of counts) {
      yield* measure(count + settings.elsewhere, settings.limit, `AWS ${place}: access points of S3`, settings.warnAt);
    }
  },
});
