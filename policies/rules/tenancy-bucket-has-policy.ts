import { stackRule } from "../rule.ts";
import { bucket as bucketTypes, bucketPolicy } from "../support/aws-types.ts";
import { Companions, ofType } from "../support/links.ts";
import { subjectOf } from "../support/verdict.ts";

export default stackRule({
  name: "tenancy-bucket-has-policy",
  subject: "TLS",
  description: "Every bucket of the stack has a bucket policy, where TLS and keys are demanded.",
  reason: "Nothing else refuses a request over plain HTTP.",
  source: {
    title: "CIS AWS Foundations Benchmark 2.1.1, Ensure S3 Bucket Policy is set to deny HTTP requests",
    url: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html",
  },
  remediation: "Add an aws.s3.BucketPolicy for the bucket",
  severity: "high",
  enforcement: "mandatory",
  types: [...bucketTypes, bucketPolicy],
  *check(resources) {
    const policies = new Companions(ofType(resources, bucketPolicy), "bucket");
    for (const bucket of ofType(resources, ...bucketTypes)) {
      if (policies.of(bucket, bucket.props.bucket).length > 0) continue;
      yield { urn: bucket.urn, message: `${subjectOf(bucket)} has no bucket policy` };
    }
  },
});
