import { resourceRule } from "../rule.ts";
import { rdsParameterGroups } from "../support/aws-types.ts";
import { isTrue, subjectOf } from "../support/verdict.ts";
import { at, list, text } from "../values.ts";

/** From here on Amazon's default is 1. */
const safeByDefault = 15;

export default resourceRule({
  name: "tenancy-rds-forces-tls",
  subject: "TLS",
  description: "PostgreSQL on Amazon RDS refuses connections without TLS: rds.force_ssl is 1.",
  reason: "A client with sslmode `disable` or `prefer` sends its rows and queries in plain text.",
  source: {
    title: "Amazon RDS User Guide, Requiring an SSL/TLS connection to a PostgreSQL DB instance",
    url: "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html",
  },
  remediation: "Set the parameter rds.force_ssl to 1 in the parameter group",
  severity: "high",
  enforcement: "mandatory",
  types: rdsParameterGroups,
  *check(group) {
    const family = /^(?:aurora-)?postgresql?(\d+)/.exec(text(group.props.family) ?? "");
    if (family === null) return;
    const parameter = list(group.props.parameters).find((item) => at(item, "name") === "rds.force_ssl");
    const value = at(parameter, "value");
    if (parameter === undefined && Number(family[1]) >= safeByDefault) return;
    if (isTrue(value)) return;
    yield {
      message: `${subjectOf(group)} lets clients in without TLS: rds.force_ssl is ${parameter === undefined ? "left out, and 0 before PostgreSQL 15" : "not 1"}`,
    };
  },
});
