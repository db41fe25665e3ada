/** Policies of KMS keys, and what a tenant's role may ask of them: only through S3. */
import {
  assertForm,
  type BucketScope,
  partitionOf,
  policy,
  type PolicyDocument,
  principalTag,
  s3Service,
  type Statement,
  tags,
  variable,
} from "./document.ts";

/** The account's IAM policies decide, as with every key that is not opened to others. */
export function keyPolicy({ accountId, region }: Pick<BucketScope, "accountId" | "region">): PolicyDocument {
  assertForm("accountId", accountId, "account");
  return policy({
    Sid: "Account",
    Effect: "Allow",
    Principal: { AWS: `arn:${partitionOf(region)}:iam::${accountId}:root` },
    Action: "kms:*",
    Resource: "*",
  });
}

/** For a role whose sessions carry tags: the key of the session's tenant, or the platform's for one that has none. */
export function taggedKeyStatements({ region, accountId }: BucketScope, keyArn: string): readonly Statement[] {
  assertForm("keyArn", keyArn, "key");
  const viaS3 = { "kms:ViaService": s3Service(region) };
  return [
    {
      Sid: "OwnKey",
      Effect: "Allow",
      Action: ["kms:Decrypt", "kms:GenerateDataKey"],
      Resource: `arn:${partitionOf(region)}:kms:${region}:${accountId}:key/*`,
      Condition: {
        Null: { [principalTag(tags.key)]: "false", [principalTag(tags.prefix)]: "false" },
        StringEquals: { ...viaS3, [`aws:ResourceTag/${tags.prefix}`]: variable(principalTag(tags.prefix)) },
      },
    },
    // Of a tenant with a key of its own, too: its folders are the platform's objects.
    {
      Sid: "PlatformKeyReads",
      Effect: "Allow",
      Action: "kms:Decrypt",
      Resource: keyArn,
      Condition: { Null: { [principalTag(tags.prefix)]: "false" }, StringEquals: viaS3 },
    },
    {
      Sid: "PlatformKeyWrites",
      Effect: "Allow",
      Action: "kms:GenerateDataKey",
      Resource: keyArn,
      Condition: {
        Null: { [principalTag(tags.prefix)]: "false", [principalTag(tags.key)]: "true" },
        StringEquals: viaS3,
      },
    },
  ];
}

/** For a role of one tenant. */
export function keyStatements(region: string, keyArn: string, ownKeyArn: string | undefined): readonly Statement[] {
  const Condition = { StringEquals: { "kms:ViaService": s3Service(region) } };
  const platform = assertForm("keyArn", keyArn, "key");
  if (ownKeyArn === undefined) {
    const Action = ["kms:Decrypt", "kms:GenerateDataKey"];
    return [{ Sid: "PlatformKey", Effect: "Allow", Action, Resource: platform, Condition }];
  }
  return [
    {
      Sid: "OwnKey",
      Effect: "Allow",
      Action: ["kms:Decrypt", "kms:GenerateDataKey"],
      Resource: assertForm("keyArn", ownKeyArn, "key"),
      Condition,
    },
    { Sid: "PlatformKeyReads", Effect: "Allow", Action: "kms:Decrypt", Resource: platform, Condition },
  ];
}
