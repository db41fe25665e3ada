/** S3 Access Grants: one location, whose role S3 takes on, and a grant a tenant. */
import {
  assertForm,
  bucketArn,
  type BucketScope,
  objectActions,
  partitionOf,
  policy,
  type PolicyDocument,
  s3Service,
} from "./document.ts";

/** There is one instance an account and region. */
export function grantsInstanceArn({ region, accountId }: Omit<BucketScope, "bucket">): string {
  assertForm("accountId", accountId, "account");
  return `arn:${partitionOf(region)}:s3:${region}:${accountId}:access-grants/default`;
}

/** Who takes the location's role on: S3, for this account's instance. */
export function locationTrust(scope: Omit<BucketScope, "bucket">): PolicyDocument {
  return policy({
    Sid: "AccessGrants",
    Effect: "Allow",
    Principal: { Service: "access-grants.s3.amazonaws.com" },
    Action: ["sts:AssumeRole", "sts:SetSourceIdentity"],
    Condition: {
      ArnEquals: { "aws:SourceArn": grantsInstanceArn(scope) },
      StringEquals: { "aws:SourceAccount": scope.accountId },
    },
  });
}

/** The most that any grant can give; S3 limits each session to the grant's own prefix. */
export function locationPolicy(scope: BucketScope, keyArn: string): PolicyDocument {
  const arn = bucketArn(scope);
  const Condition = {
    ArnEquals: { "s3:AccessGrantsInstanceArn": grantsInstanceArn(scope) },
    StringEquals: { "aws:ResourceAccount": scope.accountId },
  };
  return policy(
    { Sid: "Objects", Effect: "Allow", Action: objectActions, Resource: `${arn}/*`, Condition },
    { Sid: "List", Effect: "Allow", Action: "s3:ListBucket", Resource: arn, Condition },
    {
      Sid: "PlatformKey",
      Effect: "Allow",
      Action: ["kms:Decrypt", "kms:GenerateDataKey"],
      Resource: assertForm("keyArn", keyArn, "key"),
      Condition: { StringEquals: { "kms:ViaService": s3Service(scope.region) } },
    },
  );
}

/** A tenant's role asks S3 for a session, and can do nothing else. */
export function granteePolicy(scope: Omit<BucketScope, "bucket">, open: boolean): PolicyDocument {
  if (!open) return policy({ Sid: "Closed", Effect: "Deny", Action: "*", Resource: "*" });
  const Resource = grantsInstanceArn(scope);
  return policy({ Sid: "DataAccess", Effect: "Allow", Action: "s3:GetDataAccess", Resource });
}
