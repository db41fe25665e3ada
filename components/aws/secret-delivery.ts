import * as secretsmanager from "@pulumi/aws/secretsmanager/index.js";
import * as pulumi from "@pulumi/pulumi";
import { awsName } from "../naming.ts";
import { secretPolicy } from "./policies/secrets.ts";
import type { SecretsManagerSettings } from "./secret-settings.ts";

export interface SecretsManagerDeliveryArgs {
  readonly settings: SecretsManagerSettings;
  /** The tenant's id in the registry. **Replaces.** */
  readonly tenant: string;
  /** Naming prefix of its profile. **Replaces.** */
  readonly prefix: string;
  /** What the tenant's application needs to connect: plain data with outputs in it. Delivered as one JSON text. */
  readonly connections: pulumi.Input<Readonly<Record<string, unknown>>>;
  /** Roles of the tenant's application. */
  readonly readers: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * The tenant's storage prefix where its reader is a role that many tenants share by session tags.
   * @default none: the readers are the tenant's own
   */
  readonly taggedPrefix?: string;
  /** @default none */
  readonly dependsOn?: pulumi.Input<pulumi.Resource>[];
}

/**
 * A tenant's credentials in AWS Secrets Manager: one secret, which its own application reads and nobody else.
 *
 * @example
 * new SecretsManagerDelivery("acme", { tenant: "acme", prefix: "tenant", settings, connections, readers: [roleArn] });
 */
export class SecretsManagerDelivery extends pulumi.ComponentResource {
  readonly secretArn: pulumi.Output<string>;
  readonly secretName: pulumi.Output<string>;
  /** Of the version that these connections are in. */
  readonly versionId: pulumi.Output<string>;

  constructor(name: string, args: SecretsManagerDeliveryArgs, options?: pulumi.ComponentResourceOptions) {
    super("tenancy:index:SecretsManagerDelivery", name, {}, options);
    const { settings } = args;
    const { region } = settings;

    const secret = new secretsmanager.Secret(
      `${name}-secret`,
      {
        name: `${settings.namePrefix}${awsName(args.prefix, args.tenant, 63)}`,
        description: `Connections of tenant ${args.tenant}`,
        kmsKeyId: settings.kmsKeyId,
        recoveryWindowInDays: settings.recoveryDays,
        tags: { tenant: args.tenant },
        region,
      },
      { parent: this, dependsOn: args.dependsOn },
    );
    const policy = new secretsmanager.SecretPolicy(
      `${name}-secret-policy`,
      {
        secretArn: secret.arn,
        blockPublicPolicy: true,
        policy: pulumi
          .output(args.readers)
          .apply((readers) =>
            JSON.stringify(
              secretPolicy({ readers, prefix: args.taggedPrefix, administrators: settings.administrators }),
            ),
          ),
        region,
      },
      { parent: this },
    );
    const version = new secretsmanager.SecretVersion(
      `${name}-secret-version`,
      {
        secretId: secret.arn,
        secretString: pulumi.secret(pulumi.output(args.connections).apply((value) => JSON.stringify(value))),
        region,
      },
      // The value comes after the policy, so that nobody reads it in between.
      { parent: this, dependsOn: policy },
    );

    this.secretArn = secret.arn;
    this.secretName = secret.name;
    this.versionId = version.versionId;
    this.registerOutputs({ secretArn: this.secretArn, secretName: this.secretName, versionId: this.versionId });
  }
}
