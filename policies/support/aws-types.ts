/** Type tokens of @pulumi/aws. Some had a name with V2 in version 6. */
export const bucket = ["aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2"] as const;
export const bucketPolicy = "aws:s3/bucketPolicy:BucketPolicy";
export const publicAccessBlock = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock";
export const bucketEncryption = [
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
  "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
] as const;
export const bucketVersioning = [
  "aws:s3/bucketVersioning:BucketVersioning",
  "aws:s3/bucketVersioningV2:BucketVersioningV2",
] as const;
export const bucketAcl = ["aws:s3/bucketAcl:BucketAcl", "aws:s3/bucketAclV2:BucketAclV2"] as const;
export const accessPoint = "aws:s3/accessPoint:AccessPoint";

export const rdsInstance = "aws:rds/instance:Instance";
export const rdsCluster = "aws:rds/cluster:Cluster";
export const rdsClusterInstance = "aws:rds/clusterInstance:ClusterInstance";
export const rdsParameterGroups = [
  "aws:rds/parameterGroup:ParameterGroup",
  "aws:rds/clusterParameterGroup:ClusterParameterGroup",
] as const;
export const rdsProxy = "aws:rds/proxy:Proxy";

export const replicationGroup = "aws:elasticache/replicationGroup:ReplicationGroup";
export const serverlessCache = "aws:elasticache/serverlessCache:ServerlessCache";
export const cacheUser = "aws:elasticache/user:User";
export const cacheUserGroup = "aws:elasticache/userGroup:UserGroup";
export const memorydbCluster = "aws:memorydb/cluster:Cluster";
export const memorydbUser = "aws:memorydb/user:User";
export const memorydbAcl = "aws:memorydb/acl:Acl";

export const iamRole = "aws:iam/role:Role";
export const iamUser = "aws:iam/user:User";
export const iamPolicies = [
  "aws:iam/policy:Policy",
  "aws:iam/rolePolicy:RolePolicy",
  "aws:iam/userPolicy:UserPolicy",
] as const;
export const accessKey = "aws:iam/accessKey:AccessKey";
export const kmsKey = "aws:kms/key:Key";
export const secret = "aws:secretsmanager/secret:Secret";
export const secretRotation = "aws:secretsmanager/secretRotation:SecretRotation";
