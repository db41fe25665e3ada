import { type Finding, type Resource, resourceRule } from "../rule.ts";
import { subjectOf } from "../support/verdict.ts";
import { list, type Properties, isProperties } from "../values.ts";

const everywhere = ["0.0.0.0/0", "::/0"];
const addresses = ["cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6"];

export default resourceRule({
  name: "tenancy-security-group-not-open",
  subject: "isolation",
  description: "No security group of the stack lets every address in.",
  reason: "The stack's security groups stand before databases and caches.",
  source: {
    title: "CIS AWS Foundations Benchmark 5.3, Ensure no security groups allow ingress from 0.0.0.0/0",
    url: "https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html",
  },
  remediation: "Name the application's security group or its address range",
  severity: "critical",
  enforcement: "mandatory",
  types: [
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/securityGroupRule:SecurityGroupRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
  ],
  *check(resource) {
    const { props, type } = resource;
    if (type.endsWith(":SecurityGroup")) {
      for (const rule of list(props.ingress)) if (isProperties(rule)) yield* open(resource, rule);
    } else if (props.type !== "egress") yield* open(resource, props);
  },
});

function* open(resource: Resource, rule: Properties): Iterable<Finding> {
  for (const property of addresses) {
    const value = rule[property];
    const found = everywhere.find((address) => value === address || list(value).includes(address));
    if (found !== undefined) yield { message: `${subjectOf(resource)} lets ${found} in` };
  }
}
