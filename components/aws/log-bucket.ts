/** The bucket that the shared bucket's access logs go to: part of its baseline. */
import * as s3 from "@pulumi/aws/s3/index.js";
import type * as pulumi from "@pulumi/pulumi";
import { logBucketPolicy } from "./policies/bucket.ts";
import type { AwsStorageSettings } from "./storage-settings.ts";

export class LogBucket {
  readonly bucketName: pulumi.Output<string>;
  readonly policy: s3.BucketPolicy;

  constructor(name: string, settings: AwsStorageSettings, parent: pulumi.Resource) {
    const { region, accountId } = settings;
    const logBucket = settings.logBucket ?? `${settings.bucket}-logs`;
    const child = { parent };
    const bucket = new s3.Bucket(
      `${name}-log-bucket`,
      { bucket: logBucket, forceDestroy: false, region },
      { parent, protect: true },
    );
    const access = new s3.BucketPublicAccessBlock(
      `${name}-log-public-access`,
      {
        bucket: bucket.bucket,
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
        region,
      },
      child,
    );
    new s3.BucketOwnershipControls(
      `${name}-log-ownership`,
      { bucket: bucket.bucket, rule: { objectOwnership: "BucketOwnerEnforced" }, region },
      child,
    );
    // Not by KMS: https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    new s3.BucketServerSideEncryptionConfiguration(
      `${name}-log-encryption`,
      { bucket: bucket.bucket, rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }], region },
      child,
    );
    new s3.BucketLifecycleConfiguration(
      `${name}-log-lifecycle`,
      {
        bucket: bucket.bucket,
        rules: [{ id: "old-logs", status: "Enabled", filter: { prefix: "" }, expiration: { days: settings.logDays } }],
        region,
      },
      child,
    );
    this.bucketName = bucket.bucket;
    this.policy = new s3.BucketPolicy(
      `${name}-log-policy`,
      {
        bucket: bucket.bucket,
        policy: JSON.stringify(logBucketPolicy({ bucket: settings.bucket, region, accountId, logBucket })),
        region,
      },
      { parent, dependsOn: access },
    );
  }
}
