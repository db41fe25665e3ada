import { stackRule } from "../rule.ts";
import { rdsProxy } from "../support/aws-types.ts";
import { limitSetting, measure, warnAtSetting } from "../support/capacity.ts";
import { ofType } from "../support/links.ts";
import { subjectOf } from "../support/verdict.ts";
import { list } from "../values.ts";

export default stackRule<{ limit: number; warnAt: number }>({
  name: "tenancy-rds-proxy-secrets-capacity",
  subject: "capacity",
  description: "A proxy of Amazon RDS has at most 200 secrets.",
  reason: "Each login of a tenant is a secret: two a tenant are 100 tenants.",
  source: {
    title: "Amazon RDS User Guide, Quotas and limitations for RDS Proxy",
    url: "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.html#rds-proxy.limitations",
  },
  remediation: "Add another proxy, or give tenants a silo of their own",
  severity: "high",
  enforcement: "mandatory",
  types: [rdsProxy],
  settings: { limit: limitSetting("Secrets of one proxy.", 200), warnAt: warnAtSetting },
  *check(resources, { settings }) {
    for (const proxy of ofType(resources, rdsProxy)) {
      const secrets = list(proxy.props.auths).length;
      for (const finding of measure(secrets, settings.limit, `${subjectOf(proxy)}: secrets`, settings.warnAt)) {
        yield { ...finding, urn: proxy.urn };
      }
    }
  },
});
