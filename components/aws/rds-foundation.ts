import { Provider } from "@pulumi/aws/provider.js";
import * as ec2 from "@pulumi/aws/ec2/index.js";
import * as rds from "@pulumi/aws/rds/index.js";
import * as vpc from "@pulumi/aws/vpc/index.js";
import * as pulumi from "@pulumi/pulumi";
import { PlatformError } from "../platform-error.ts";
import { ingressRules } from "./rds-access.ts";
import type { RdsServer } from "./rds-config.ts";
import { postgresPort } from "./rds-names.ts";
import { parameterFamily, rdsParameters } from "./rds-parameters.ts";

/** The bundle of one region has about 6 kB, that of all regions 160; each tenant's state holds it once. */
const mostBundleBytes = 20_000;

export interface RdsFoundationArgs {
  /** The platform's entry. */
  readonly server: RdsServer;
  /** Absolute path of the entry's `caBundleFile`. */
  readonly caFile: string;
  /** Text of that file: certificates in PEM. */
  readonly ca: string;
}

/**
 * What all servers of one entry share: the provider bound to account and region, subnets, parameters, and who may
 * connect. Once for an entry, since an account has 50 groups of subnets and of parameters in a region, and since
 * tenants share what tells them from nobody.
 *
 * @example
 * const foundation = new RdsFoundation("eu-rds", { server, caFile: "/etc/tenancy/eu-central-1-bundle.pem", ca });
 */
export class RdsFoundation extends pulumi.ComponentResource {
  readonly server: RdsServer;
  readonly caFile: string;
  readonly ca: string;
  /** The provider that everything of this entry is made with. */
  readonly aws: Provider;
  readonly subnetGroupName: pulumi.Output<string>;
  readonly parameterGroupName: pulumi.Output<string>;
  /** Of the servers. */
  readonly securityGroupId: pulumi.Output<string>;
  /** Of the tenants' proxies, where the entry has them. */
  readonly proxySecurityGroupId?: pulumi.Output<string>;

  constructor(name: string, args: RdsFoundationArgs, options?: pulumi.ComponentResourceOptions) {
    assertBundle(name, args.ca);
    super("tenancy:index:RdsFoundation", name, {}, options);
    const { server } = args;
    const parent = { parent: this };
    this.server = server;
    this.caFile = args.caFile;
    this.ca = args.ca;
    this.aws = new Provider(
      `${name}-aws`,
      {
        region: server.region,
        ...(server.accountId === undefined ? {} : { allowedAccountIds: [server.accountId] }),
      },
      parent,
    );
    const own = { parent: this, provider: this.aws };

    this.subnetGroupName = new rds.SubnetGroup(
      `${name}-subnets`,
      { description: `Databases of the entry ${name}`, subnetIds: [...server.subnetIds] },
      own,
    ).name;
    this.parameterGroupName = parameterGroup(name, server, own);
    const proxy = server.proxy ? proxyGroup(name, server, own) : undefined;
    // No rule for what goes out: a database begins no connection.
    const database = new ec2.SecurityGroup(
      `${name}-database`,
      {
        description: `PostgreSQL of the entry ${name}`,
        vpcId: server.vpcId,
        ingress: [
          ...ingressRules(server.applicationSecurityGroupIds, server.runnerSecurityGroupIds).map((rule) => ({
            ...rule,
            securityGroups: [...rule.securityGroups],
          })),
          ...(proxy === undefined
            ? []
            : [
                {
                  description: "PostgreSQL from proxies of tenants",
                  protocol: "tcp",
                  fromPort: postgresPort,
                  toPort: postgresPort,
                  securityGroups: [proxy.id],
                },
              ]),
        ],
      },
      own,
    );
    this.securityGroupId = database.id;
    if (proxy !== undefined) {
      this.proxySecurityGroupId = proxy.id;
      new vpc.SecurityGroupEgressRule(
        `${name}-proxy-to-database`,
        {
          description: "PostgreSQL to the databases",
          securityGroupId: proxy.id,
          referencedSecurityGroupId: database.id,
          ipProtocol: "tcp",
          fromPort: postgresPort,
          toPort: postgresPort,
        },
        own,
      );
    }
    this.registerOutputs({
      subnetGroupName: this.subnetGroupName,
      parameterGroupName: this.parameterGroupName,
      securityGroupId: this.securityGroupId,
      proxySecurityGroupId: this.proxySecurityGroupId,
    });
  }
}

/** Named by its family: that of a new major version is there before the old one goes. */
function parameterGroup(name: string, server: RdsServer, own: pulumi.CustomResourceOptions): pulumi.Output<string> {
  const family = parameterFamily(server.engine, server.engineVersion);
  const args = { description: `TLS, SCRAM and quiet logs for ${name}`, family, parameters: rdsParameters() };
  const group =
    server.engine === "postgres"
      ? new rds.ParameterGroup(`${name}-${family}`, args, own)
      : new rds.ClusterParameterGroup(`${name}-${family}`, args, own);
  return group.name;
}

function proxyGroup(name: string, server: RdsServer, own: pulumi.CustomResourceOptions): ec2.SecurityGroup {
  const group = new ec2.SecurityGroup(
    `${name}-proxy`,
    { description: `Proxies of the entry ${name}`, vpcId: server.vpcId },
    own,
  );
  for (const source of server.applicationSecurityGroupIds) {
    new vpc.SecurityGroupIngressRule(
      `${name}-proxy-from-${source}`,
      {
        description: "PostgreSQL from the applications",
        securityGroupId: group.id,
        referencedSecurityGroupId: source,
        ipProtocol: "tcp",
        fromPort: postgresPort,
        toPort: postgresPort,
      },
      own,
    );
  }
  return group;
}

function assertBundle(name: string, ca: string): void {
  if (!ca.includes("-----BEGIN CERTIFICATE-----")) {
    throw new PlatformError(
      `platform entry ${name}: caBundleFile holds no certificate in PEM. ` +
        `Take the region's bundle that docs/rds.md names.`,
    );
  }
  const bytes = Buffer.byteLength(ca);
  if (bytes > mostBundleBytes) {
    throw new PlatformError(
      `platform entry ${name}: caBundleFile has ${bytes} bytes; at most ${mostBundleBytes} are allowed, since every ` +
        `tenant's state holds it. Take the region's bundle instead of the global one: docs/rds.md names it.`,
    );
  }
}
