import * as pulumi from "@pulumi/pulumi";
import { apply, type ClusterOptions } from "./apply.ts";
import { credentialsSecret } from "./secret.ts";
import { type KubernetesPlatform, placeOf, type TenantIdentity } from "./settings.ts";
import type { TenantNamespace } from "./tenant-namespace.ts";

export interface CredentialsSecretArgs extends TenantIdentity {
  readonly platform: KubernetesPlatform;
  /** Secret: JSON of what the tenant's application needs to connect. */
  readonly credentials: pulumi.Output<string>;
  /** The tenant's namespace, where the platform names no namespaces of applications. */
  readonly namespace?: TenantNamespace;
  /** @default none */
  readonly dependsOn?: pulumi.Input<pulumi.Resource>[];
}

/** Key of the JSON in the Secret. */
export const credentialsKey = "credentials.json";

/**
 * What a tenant's application needs to connect, as a Secret in each namespace of the platform's applications.
 *
 * @example
 * new CredentialsSecret("acme", { tenant: "acme", prefix: "tenant", platform, credentials, … }, { provider });
 */
export class CredentialsSecret extends pulumi.ComponentResource {
  constructor(name: string, args: CredentialsSecretArgs, options: ClusterOptions) {
    super("tenancy:index:CredentialsSecret", name, {}, options);
    const place = placeOf(args);
    const { namespace: own } = args;
    const namespaces = own === undefined ? args.platform.applicationNamespaces : [own.place.namespace];
    const dependsOn = [...(args.dependsOn ?? []), ...(own === undefined ? [] : [own])];
    for (const namespace of namespaces) {
      const values = { [credentialsKey]: pulumi.secret(args.credentials) };
      apply(`${name}-credentials-${namespace}`, credentialsSecret(place, namespace, values), {
        parent: this,
        dependsOn,
      });
    }
    this.registerOutputs({});
  }
}
