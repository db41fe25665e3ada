import { resourceRule, undecided } from "../rule.ts";
import { iamRole, kmsKey } from "../support/aws-types.ts";
import { hasCondition, statementName, statementsOf } from "../support/iam.ts";
import { subjectOf } from "../support/verdict.ts";
import { isProperties, Unknown } from "../values.ts";

export default resourceRule({
  name: "tenancy-iam-trust-names-principals",
  subject: "isolation",
  description: "A role's trust policy and a key's policy name who may use them.",
  reason: "With `AWS: *` any account of AWS takes the role, or decrypts with the key.",
  source: {
    title: "IAM User Guide, AWS JSON policy elements: Principal",
    url: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
  },
  remediation: "Name accounts, roles or services as principals",
  severity: "critical",
  enforcement: "mandatory",
  types: [iamRole, kmsKey],
  *check(resource) {
    const property = resource.type === iamRole ? "assumeRolePolicy" : "policy";
    const statements = statementsOf(resource.props[property]);
    if (statements instanceof Unknown) yield undecided(`${subjectOf(resource)}: ${property}`);
    if (statements === undefined || statements instanceof Unknown) return;
    for (const [index, statement] of statements.entries()) {
      const { effect, accounts, inverted, conditions, principals, actions } = statement;
      if (effect !== "Allow") continue;
      const place = `${subjectOf(resource)}: ${statementName(statement, index)}`;
      const limited = ["aws:PrincipalOrgID", "aws:PrincipalArn", "aws:PrincipalAccount"].some((key) =>
        hasCondition(conditions, /^(StringEquals|ArnEquals|ArnLike|StringLike)$/, key, (value) => value !== "*"),
      );
      if ((accounts.includes("*") || (inverted && principals.length === 0)) && !limited) {
        yield { message: `${place} lets everybody in` };
      }
      const federated = actions.includes("sts:AssumeRoleWithWebIdentity");
      if (federated && !hasSubject(conditions)) {
        yield { message: `${place} lets every identity of the provider in: no condition on its subject` };
      }
    }
  },
});

/** Tokens of any workload of an identity provider pass without a comparison of `sub`. */
function hasSubject(conditions: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(conditions).some(
    ([operator, compared]) =>
      /^(ForAnyValue:)?String(Equals|Like)/.test(operator) &&
      isProperties(compared as never) &&
      Object.keys(compared as object).some((key) => key.endsWith(":sub")),
  );
}
