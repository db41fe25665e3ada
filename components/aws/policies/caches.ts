/** What a role needs to log in at a cache by a token of IAM: as one user, at one cache. */
import { PlatformError } from "../../platform.ts";
import { policy, type PolicyDocument } from "./document.ts";

const userArn = /^(arn:aws(?:-cn|-us-gov)?:(?:elasticache|memorydb):[a-z0-9-]+:\d{12}):user[:/][a-z0-9-]{1,40}$/;

/** https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html */
export function elastiCacheConnectPolicy(arn: string, replicationGroup: string): PolicyDocument {
  return connect("elasticache:Connect", arn, `replicationgroup:${replicationGroup}`);
}

/** https://docs.aws.amazon.com/memorydb/latest/devguide/auth-iam.html */
export function memoryDbConnectPolicy(arn: string, cluster: string): PolicyDocument {
  return connect("memorydb:Connect", arn, `cluster/${cluster}`);
}

function connect(Action: string, arn: string, cache: string): PolicyDocument {
  const begin = userArn.exec(arn)?.[1];
  if (begin === undefined) throw new PlatformError(`${JSON.stringify(arn)} is no ARN of a cache's user.`);
  return policy({ Sid: "Connect", Effect: "Allow", Action, Resource: [arn, `${begin}:${cache}`] });
}
