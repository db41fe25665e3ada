/** Builds a tenant on Amazon RDS against mocks. */
import * as pulumi from "@pulumi/pulumi";
import { rdsServerSchema } from "../../../components/aws/rds-config.ts";
import { RdsFoundation } from "../../../components/aws/rds-foundation.ts";
import type { RdsSettings } from "../../../components/aws/rds-plan.ts";
import { type RdsInside, rdsSilo, type RdsSiloConnection } from "../../../components/aws/rds-silo.ts";
import { derivePassword } from "../../../components/secrets.ts";
import type { TenantState } from "../../../provider/inputs.ts";
import { type Registered, registrations } from "../../support/mocks.ts";
import { entry, settings } from "./rds-fixture.ts";

export const secretText = "s".repeat(64);
export const master = "planted-master-password";
export const ca = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
const masterSecret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1";
export const tags = { "tenancy:tenant": "acme", "tenancy:prefix": "tenant" };
export const keyArn = "arn:aws:kms:eu-central-1:123456789012:key/own";

export const outputs = {
  "aws:rds/instance:Instance": {
    address: "tenant-acme.x.eu-central-1.rds.amazonaws.com",
    arn: "arn:aws:rds:eu-central-1:123456789012:db:tenant-acme",
    resourceId: "db-ABC",
    masterUserSecrets: [{ secretArn: masterSecret }],
  },
  "aws:rds/cluster:Cluster": {
    endpoint: "tenant-acme.cluster-x.eu-central-1.rds.amazonaws.com",
    arn: "arn:aws:rds:eu-central-1:123456789012:cluster:tenant-acme",
    clusterResourceId: "cluster-ABC",
    masterUserSecrets: [{ secretArn: masterSecret }],
  },
  "aws:rds/subnetGroup:SubnetGroup": { name: "subnets" },
  "aws:rds/parameterGroup:ParameterGroup": { name: "parameters" },
  "aws:rds/clusterParameterGroup:ClusterParameterGroup": { name: "cluster-parameters" },
  "aws:rds/proxy:Proxy": { endpoint: "tenant-acme.proxy-x.eu-central-1.rds.amazonaws.com" },
  "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": { name: "default" },
  "aws:kms/key:Key": { arn: keyArn, keyId: "key-id" },
  "aws:iam/role:Role": { arn: "arn:aws:iam::123456789012:role/proxy" },
  "aws:secretsmanager/secret:Secret": { arn: "arn:secret" },
};
export const calls = {
  "aws:secretsmanager/getSecretVersion:getSecretVersion": {
    secretString: JSON.stringify({ username: "tenancy_master", password: master }),
  },
};

/** In the place of the component, and of the resource that it registers inside. */
class Silo extends pulumi.ComponentResource {}
class Inside extends pulumi.CustomResource {}

export interface Case {
  readonly server?: object;
  readonly settings?: Partial<RdsSettings>;
  readonly state?: TenantState;
  readonly extensions?: readonly string[];
  readonly preview?: boolean;
}

export interface Built {
  readonly registered: Registered[];
  /** Of the tenant's resources, by name. */
  readonly options: ReadonlyMap<string, pulumi.ResourceOptions>;
  readonly connection: RdsSiloConnection;
  readonly inside: RdsInside;
  /** Inputs of the tenant's resource of this name. */
  readonly inputs: (name: string) => Record<string, unknown>;
  /** Types and names of what is the tenant's, sorted: registrations overtake each other. */
  readonly own: string[];
}

export async function build(of: Case = {}): Promise<Built> {
  let inside: RdsInside | undefined;
  const options = new Map<string, pulumi.ResourceOptions>();
  const { registered, result } = await registrations(
    () => {
      const foundation = new RdsFoundation("eu", {
        server: rdsServerSchema.parse({ ...entry, ...of.server }),
        caFile: "/etc/tenancy/ca.pem",
        ca,
      });
      const parent = new Silo(
        "tenancy:index:TenantDatabaseSilo",
        "acme",
        {},
        {
          transformations: [
            ({ name, opts }) => {
              options.set(name, opts);
              return undefined;
            },
          ],
        },
      );
      return rdsSilo(
        "acme",
        {
          tenant: "acme",
          prefix: "tenant",
          server: "eu",
          state: of.state ?? "active",
          secret: pulumi.secret(secretText),
          foundation,
          settings: { ...settings, ...of.settings },
          extensions: of.extensions ?? [],
          inside: (given) => {
            inside = given;
            const { connection, connectionPassword, database, recoveredFrom } = given;
            return new Inside(
              "tenancy:postgres:Database",
              "acme-inside",
              { connection, connectionPassword, database, recoveredFrom },
              given.options,
            );
          },
        },
        parent,
      );
    },
    { outputs, calls, preview: of.preview },
  );
  if (inside === undefined) throw new Error("nothing was registered inside");
  return {
    registered,
    options,
    connection: result,
    inside,
    inputs: (name) => registered.find((one) => one.name === name && one.custom)?.inputs ?? {},
    own: registered
      .filter(({ name }) => name.startsWith("acme-"))
      .map(({ type, name }) => `${type} ${name}`)
      .sort(),
  };
}

export const derived = (purpose: string, tenant = "acme"): string => derivePassword(secretText, tenant, purpose, 0);
