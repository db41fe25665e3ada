import { stackRule, undecided } from "../rule.ts";
import { bucket as bucketTypes, bucketVersioning } from "../support/aws-types.ts";
import { Companions, ofType } from "../support/links.ts";
import { subjectOf } from "../support/verdict.ts";
import { at, unknown } from "../values.ts";

export default stackRule({
  name: "tenancy-bucket-versioned",
  subject: "lifecycle",
  description: "Every bucket keeps former versions of its objects.",
  reason: "A tenant that overwrites or deletes by mistake has nothing to go back to.",
  source: {
    title: "AWS Security Hub S3.14, general purpose buckets should have versioning enabled",
    url: "https://docs.aws.amazon.com/securityhub/latest/userguide/s3-controls.html#s3-14",
  },
  remediation: "Add an aws.s3.BucketVersioning with status Enabled",
  severity: "medium",
  enforcement: "mandatory",
  types: [...bucketTypes, ...bucketVersioning],
  *check(resources) {
    const versionings = new Companions(ofType(resources, ...bucketVersioning), "bucket");
    for (const bucket of ofType(resources, ...bucketTypes)) {
      const [versioning] = versionings.of(bucket, bucket.props.bucket);
      const status = at(versioning?.props, "versioningConfiguration", "status");
      if (status === unknown) yield undecided(`${subjectOf(bucket)}: its versioning`, bucket.urn);
      else if (status !== "Enabled")
        yield { urn: bucket.urn, message: `${subjectOf(bucket)} keeps no former versions` };
    }
  },
});
