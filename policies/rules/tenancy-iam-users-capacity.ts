import { stackRule } from "../rule.ts";
import { iamUser } from "../support/aws-types.ts";
import { limitSetting, measure, warnAtSetting } from "../support/capacity.ts";
import { findProvider, platformOf, providerType } from "../support/platform.ts";
import { at, isProperties, text } from "../values.ts";

const prefix = "tenancy:storage:Prefix";

export default stackRule<{ limit: number; elsewhere: number; warnAt: number }>({
  name: "tenancy-iam-users-capacity",
  subject: "capacity",
  description: "An account has at most as many IAM users as its quota allows.",
  reason: "A prefix in Amazon S3 has an IAM user for each tenant; the quota of 5,000 cannot be raised.",
  source: {
    title: "IAM User Guide, IAM and AWS STS quotas",
    url: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
  },
  remediation: "Use roles with session tags (a storage server of the kind aws), or another account for the next cell",
  severity: "high",
  enforcement: "mandatory",
  types: [providerType, prefix, iamUser],
  settings: {
    limit: limitSetting("The account's quota.", 5000),
    elsewhere: limitSetting("How many of the quota are used by others than this stack.", 0),
    warnAt: warnAtSetting,
  },
  *check(resources, { settings }) {
    const platform = platformOf(findProvider(resources));
    // Other services than Amazon's have limits of their own.
    const isAmazon = (server: string): boolean => {
      const endpoint = isProperties(platform) ? text(at(platform, "storage", server, "endpoint")) : undefined;
      return endpoint !== undefined && /^https:\/\/[^/]*\.amazonaws\.com(\.cn)?(:\d+)?(\/|$)/.test(endpoint);
    };
    const users = resources.filter(
      ({ type, props }) => type === iamUser || (type === prefix && isAmazon(text(props.server) ?? "")),
    );
    if (users.length === 0) return;
    yield* measure(users.length + settings.elsewhere, settings.limit, "AWS account: IAM users", settings.warnAt);
  },
});
