import { stackRule, undecided } from "../rule.ts";
import { bucket as bucketTypes, bucketEncryption } from "../support/aws-types.ts";
import { Companions, ofType } from "../support/links.ts";
import { subjectOf } from "../support/verdict.ts";
import { at, list, unknown } from "../values.ts";

const withKms = ["aws:kms", "aws:kms:dsse"];

export default stackRule({
  name: "tenancy-bucket-encrypted-with-kms",
  subject: "encryption",
  description: "Every bucket encrypts objects with a key of AWS KMS by default.",
  reason: "With keys of Amazon S3 itself nobody can withdraw access to what lies in the bucket, or see who read it.",
  source: {
    title: "AWS Security Hub S3.17, buckets should be encrypted at rest with AWS KMS keys",
    url: "https://docs.aws.amazon.com/securityhub/latest/userguide/s3-controls.html#s3-17",
  },
  remediation: "Add an aws.s3.BucketServerSideEncryptionConfiguration with sseAlgorithm aws:kms",
  severity: "high",
  enforcement: "mandatory",
  types: [...bucketTypes, ...bucketEncryption],
  *check(resources) {
    const configurations = new Companions(ofType(resources, ...bucketEncryption), "bucket");
    for (const bucket of ofType(resources, ...bucketTypes)) {
      const [configuration] = configurations.of(bucket, bucket.props.bucket);
      if (configuration === undefined) {
        yield { urn: bucket.urn, message: `${subjectOf(bucket)} has no configuration of its encryption` };
        continue;
      }
      const { rules } = configuration.props;
      const algorithms = list(rules).map((rule) => at(rule, "applyServerSideEncryptionByDefault", "sseAlgorithm"));
      if (rules === unknown || algorithms.includes(unknown))
        yield undecided(`${subjectOf(configuration)}: rules`, bucket.urn);
      else if (!algorithms.some((name) => typeof name === "string" && withKms.includes(name))) {
        yield { urn: bucket.urn, message: `${subjectOf(bucket)} is not encrypted with a key of AWS KMS` };
      }
    }
  },
});
