/** RDS Proxy: a pool before a tenant's server that knows the tenant's two logins and no other. */
import * as iam from "@pulumi/aws/iam/index.js";
import * as rds from "@pulumi/aws/rds/index.js";
import * as secretsmanager from "@pulumi/aws/secretsmanager/index.js";
import * as pulumi from "@pulumi/pulumi";
import { accountOf, loginPolicy, proxyTrust, secretsPolicy } from "./rds-access.ts";
import type { RdsFoundation } from "./rds-foundation.ts";
import type { RdsMade } from "./rds-server.ts";

/** Of the server's connections: the rest is for updates, migrations and people. */
const connectionsPercent = 80;
const idleSeconds = 1800;

export interface ProxyLogin {
  /** `app` or `read-only`. */
  readonly role: string;
  readonly user: string;
  /** Secret; left out where logins go by IAM. */
  readonly password?: pulumi.Output<string>;
}

export interface RdsProxyArgs {
  readonly foundation: RdsFoundation;
  readonly proxySecurityGroupId: pulumi.Input<string>;
  readonly made: RdsMade;
  readonly identifier: string;
  readonly logins: readonly ProxyLogin[];
  /** ARNs of the logins; with them the proxy logs in by IAM as well, and no secret is kept. */
  readonly loginArns?: pulumi.Output<string[]>;
  readonly kmsKeyArn?: pulumi.Input<string>;
  readonly tags: Readonly<Record<string, string>>;
}

/** @returns the proxy's host name, known when the proxy has its server */
export function rdsProxy(name: string, args: RdsProxyArgs, parent: pulumi.Resource): pulumi.Output<string> {
  const { foundation, made, tags } = args;
  const options = { parent, provider: foundation.aws };
  const secrets = args.loginArns === undefined ? args.logins.map((login) => secretOf(name, login, args, options)) : [];
  const role = new iam.Role(
    `${name}-proxy-role`,
    { description: `Proxy of ${args.identifier}`, assumeRolePolicy: made.arn.apply(accountOf).apply(proxyTrust), tags },
    options,
  );
  const policy =
    args.loginArns === undefined
      ? pulumi
          .all([pulumi.all(secrets.map(({ arn }) => arn)), pulumi.output(args.kmsKeyArn)])
          .apply(([arns, key]) => secretsPolicy(arns, foundation.server.region, key))
      : args.loginArns.apply(loginPolicy);
  const allowed = new iam.RolePolicy(`${name}-proxy-policy`, { role: role.id, policy }, options);
  const proxy = new rds.Proxy(
    `${name}-proxy`,
    {
      name: args.identifier,
      engineFamily: "POSTGRESQL",
      requireTls: true,
      debugLogging: false,
      idleClientTimeout: idleSeconds,
      roleArn: role.arn,
      vpcSubnetIds: [...foundation.server.subnetIds],
      vpcSecurityGroupIds: [args.proxySecurityGroupId],
      ...(args.loginArns === undefined
        ? {
            auths: secrets.map(({ arn }) => ({
              authScheme: "SECRETS",
              clientPasswordAuthType: "POSTGRES_SCRAM_SHA_256",
              iamAuth: "DISABLED",
              secretArn: arn,
            })),
          }
        : { defaultAuthScheme: "IAM_AUTH" }),
      tags,
    },
    { ...options, dependsOn: [allowed] },
  );
  const group = new rds.ProxyDefaultTargetGroup(
    `${name}-proxy-group`,
    { dbProxyName: proxy.name, connectionPoolConfig: { maxConnectionsPercent: connectionsPercent } },
    options,
  );
  const target = new rds.ProxyTarget(
    `${name}-proxy-target`,
    {
      dbProxyName: proxy.name,
      targetGroupName: group.name,
      ...(made.cluster ? { dbClusterIdentifier: made.server.id } : { dbInstanceIdentifier: args.identifier }),
    },
    { ...options, dependsOn: made.ready },
  );
  return pulumi.all([proxy.endpoint, target.id]).apply(([endpoint]) => endpoint);
}

function secretOf(
  name: string,
  login: ProxyLogin,
  { kmsKeyArn, tags, identifier }: RdsProxyArgs,
  options: pulumi.CustomResourceOptions,
): secretsmanager.Secret {
  // No name: one that was deleted keeps its name for 30 days.
  const secret = new secretsmanager.Secret(
    `${name}-proxy-secret-${login.role}`,
    { description: `Login ${login.user} for the proxy of ${identifier}`, kmsKeyId: kmsKeyArn, tags },
    options,
  );
  new secretsmanager.SecretVersion(
    `${name}-proxy-secret-${login.role}-version`,
    {
      secretId: secret.id,
      secretString: pulumi.secret(pulumi.jsonStringify({ username: login.user, password: login.password })),
    },
    options,
  );
  return secret;
}
