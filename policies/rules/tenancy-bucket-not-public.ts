import { stackRule, undecided } from "../rule.ts";
import { bucket as bucketTypes, bucketAcl, publicAccessBlock } from "../support/aws-types.ts";
import { Companions, ofType } from "../support/links.ts";
import { isTrue, subjectOf } from "../support/verdict.ts";
import { text, unknown } from "../values.ts";

const switches = ["blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"];
const publicAcls = ["public-read", "public-read-write", "authenticated-read"];

export default stackRule({
  name: "tenancy-bucket-not-public",
  subject: "isolation",
  description: "Every bucket blocks public access with all four switches and has no public ACL.",
  reason: "One ACL or policy would show every tenant's objects to everybody.",
  source: {
    title: "CIS AWS Foundations Benchmark 2.1.4, Ensure that S3 is configured with Block Public Access enabled",
    url: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
  },
  remediation: `Add an aws.s3.BucketPublicAccessBlock with ${switches.join(", ")} set to true; leave ACLs out`,
  severity: "critical",
  enforcement: "mandatory",
  types: [...bucketTypes, ...bucketAcl, publicAccessBlock],
  *check(resources) {
    const blocks = new Companions(ofType(resources, publicAccessBlock), "bucket");
    for (const bucket of ofType(resources, ...bucketTypes)) {
      const [block] = blocks.of(bucket, bucket.props.bucket);
      if (block === undefined) yield { urn: bucket.urn, message: `${subjectOf(bucket)} does not block public access` };
    }
    for (const block of ofType(resources, publicAccessBlock)) {
      for (const name of switches) {
        if (block.props[name] === unknown) yield undecided(`${subjectOf(block)}: ${name}`, block.urn);
        else if (!isTrue(block.props[name]))
          yield { urn: block.urn, message: `${subjectOf(block)}: ${name} is not true` };
      }
    }
    for (const resource of ofType(resources, ...bucketTypes, ...bucketAcl)) {
      const acl = text(resource.props.acl);
      if (acl !== undefined && publicAcls.includes(acl)) {
        yield { urn: resource.urn, message: `${subjectOf(resource)} is public: its acl is ${acl}` };
      }
    }
  },
});
