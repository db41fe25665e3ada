import { resourceRule } from "../rule.ts";
import { cacheUser } from "../support/aws-types.ts";
import { wildcardFindings } from "../support/redis-acl.ts";
import { isTrue, subjectOf } from "../support/verdict.ts";
import { at, text } from "../values.ts";

export default resourceRule({
  name: "tenancy-elasticache-user-no-wildcard",
  subject: "isolation",
  description:
    "A user of ElastiCache logs in with a password or IAM and has no wildcard of keys, channels or commands.",
  reason: "`~*` is every tenant's keys, and `+@all` has FLUSHALL; SCAN and scripts ignore the key patterns.",
  source: {
    title: "Amazon ElastiCache User Guide, Role-Based Access Control",
    url: "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html",
  },
  remediation: "Use `on ~<prefix>:<id>:* resetchannels &<prefix>:<id>:* -@all` and the commands of docs/redis.md",
  severity: "critical",
  enforcement: "mandatory",
  types: [cacheUser],
  *check(user) {
    yield* wildcardFindings(user);
    const open =
      isTrue(user.props.noPasswordRequired) || at(user.props, "authenticationMode", "type") === "no-password-required";
    const isOff = (text(user.props.accessString) ?? "").split(/\s+/).includes("off");
    if (open && !isOff) yield { message: `${subjectOf(user)} logs in without a password` };
  },
});
