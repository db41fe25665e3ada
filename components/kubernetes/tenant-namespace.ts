import * as pulumi from "@pulumi/pulumi";
import type { BackupWaiver, TenantState } from "../../provider/inputs.ts";
import { apply, type ClusterOptions } from "./apply.ts";
import {
  commonManifests,
  limitRangeManifest,
  namespaceManifest,
  resourceQuotaManifest,
  serviceAccountManifest,
} from "./namespace.ts";
import { basePolicies } from "./network-policies.ts";
import { defaultQuota, type KubernetesPlatform, type Place, placeOf, type Quota } from "./settings.ts";

export interface TenantNamespaceArgs {
  /** The tenant's id in the registry. **Replaces.** */
  readonly tenant: string;
  /** Naming prefix of the tenant's profile. **Replaces.** */
  readonly prefix: string;
  /** The organisation's id in the platform's own systems: the label `organisation`. */
  readonly externalId: string;
  /** The label `tier`. */
  readonly tier: string;
  /**
   * Labels of the tenant's record, for selectors of common objects: on the namespace, and nowhere else.
   * @default none
   */
  readonly labels?: Readonly<Record<string, string>>;
  readonly state: TenantState;
  readonly backupWaiver?: BackupWaiver;
  readonly platform: KubernetesPlatform;
  /** @default system 5's: 2 cores and 4Gi reserved, 4 cores and 8Gi at most, 5 volume claims */
  readonly quota?: Quota;
  /**
   * Memory of the tenant's Neo4j instance, as in `1Gi`: the quota grows by what it needs.
   * @default none
   */
  readonly graphMemory?: string;
  /**
   * Whether a load balancer may be made, for a database with a domain of its own.
   * @default false
   */
  readonly loadBalancer?: boolean;
  /** @default none */
  readonly dependsOn?: pulumi.Input<pulumi.Resource>[];
}

/**
 * The one namespace of a tenant: Pod Security `restricted`, quota, limits, no service account token, the platform's
 * common objects, and network policies that let nothing through but lookups of names.
 *
 * @example
 * new TenantNamespace("acme", { tenant: "acme", prefix: "tenant", tier: "silo", … }, { provider });
 */
export class TenantNamespace extends pulumi.ComponentResource {
  /** Resolves when the namespace is there. */
  readonly namespace: pulumi.Output<string>;
  /** For the components that put something into it. */
  readonly place: Place;

  constructor(name: string, args: TenantNamespaceArgs, options: ClusterOptions) {
    super("tenancy:index:TenantNamespace", name, {}, options);
    const { platform } = args;
    this.place = placeOf(args);

    const namespace = apply(`${name}-namespace`, namespaceManifest(this.place, args.labels), {
      parent: this,
      protect: args.state !== "offboarding",
      dependsOn: args.dependsOn,
    });
    // Before all pods: what is not denied yet would be allowed.
    const inside = { parent: this, dependsOn: [namespace] };
    const quota = args.quota ?? defaultQuota;
    const balancers = args.loadBalancer === true ? 1 : 0;
    apply(`${name}-quota`, resourceQuotaManifest(this.place, quota, args.graphMemory, balancers), inside);
    apply(`${name}-limits`, limitRangeManifest(this.place), inside);
    apply(`${name}-service-account`, serviceAccountManifest(this.place, platform), inside);
    for (const manifest of basePolicies(this.place, platform)) {
      apply(`${name}-policy-${manifest.metadata.name}`, manifest, inside);
    }
    for (const manifest of commonManifests(this.place, platform.commonObjects ?? [], args.labels)) {
      apply(`${name}-common-${manifest.metadata.name}`, manifest, inside);
    }

    this.namespace = namespace.id.apply(() => this.place.namespace);
    this.registerOutputs({ namespace: this.namespace });
  }
}
