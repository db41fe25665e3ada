import { resourceRule } from "../rule.ts";
import { secret } from "../support/aws-types.ts";
import { subjectOf } from "../support/verdict.ts";

export default resourceRule({
  name: "tenancy-secret-own-key",
  subject: "encryption",
  description: "A secret of AWS Secrets Manager is encrypted with a key of the platform's own.",
  reason: "With aws/secretsmanager the secret cannot be shared with another account, nor its key withdrawn.",
  source: {
    title: "AWS Secrets Manager User Guide, Secret encryption and decryption",
    url: "https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html",
  },
  remediation: "Set kmsKeyId",
  severity: "medium",
  enforcement: "advisory",
  types: [secret],
  *check(resource) {
    if (resource.props.kmsKeyId === undefined) {
      yield { message: `${subjectOf(resource)} has no key of its own: no kmsKeyId` };
    }
  },
});
