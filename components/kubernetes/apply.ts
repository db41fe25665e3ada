/** Registers a manifest with the class of its kind. */
import * as apps from "@pulumi/kubernetes/apps/v1/index.js";
import { CustomResource } from "@pulumi/kubernetes/apiextensions/index.js";
import * as batch from "@pulumi/kubernetes/batch/v1/index.js";
import * as core from "@pulumi/kubernetes/core/v1/index.js";
import * as networking from "@pulumi/kubernetes/networking/v1/index.js";
import type * as pulumi from "@pulumi/pulumi";
import type { CustomManifest } from "./custom-manifest.ts";
import type {
  ConfigMap,
  Job,
  LimitRange,
  Namespace,
  NetworkPolicy,
  PersistentVolumeClaim,
  ResourceQuota,
  Secret,
  Service,
  ServiceAccount,
  StatefulSet,
} from "./manifest.ts";

type Text = string | pulumi.Output<string>;

export type Manifest =
  | CustomManifest
  | ConfigMap<Text>
  | Job
  | LimitRange
  | Namespace
  | NetworkPolicy
  | PersistentVolumeClaim
  | ResourceQuota
  | Secret<Text>
  | Service
  | ServiceAccount
  | StatefulSet;

/** A component on Kubernetes is always told its cluster: without, KUBECONFIG would choose one. */
export interface ClusterOptions extends pulumi.ComponentResourceOptions {
  readonly provider: pulumi.ProviderResource;
}

/** What an object of a tenant is made with; the provider is the parent's. */
export interface ApplyOptions {
  readonly parent: pulumi.Resource;
  readonly dependsOn?: pulumi.Input<pulumi.Input<pulumi.Resource>[]>;
  /** For what holds data. */
  readonly protect?: boolean;
  /** Paths of fields whose change needs a new object. */
  readonly replaceOnChanges?: string[];
}

export function apply(name: string, manifest: Manifest, options: ApplyOptions): pulumi.CustomResource {
  switch (manifest.kind) {
    case "ConfigMap":
      return new core.ConfigMap(name, manifest, options);
    case "Job":
      return new batch.Job(name, manifest, options);
    case "LimitRange":
      return new core.LimitRange(name, manifest, options);
    case "Namespace":
      return new core.Namespace(name, manifest, options);
    case "NetworkPolicy":
      return new networking.NetworkPolicy(name, manifest, options);
    case "PersistentVolumeClaim":
      return new core.PersistentVolumeClaim(name, manifest, options);
    case "ResourceQuota":
      return new core.ResourceQuota(name, manifest, options);
    case "Secret":
      return new core.Secret(name, manifest, options);
    case "Service":
      return new core.Service(name, manifest, options);
    case "ServiceAccount":
      // The account `default` is the cluster's own: fields are added to it, and taken away again.
      return new core.ServiceAccountPatch(name, manifest, options);
    case "StatefulSet":
      return new apps.StatefulSet(name, manifest, options);
    default:
      return new CustomResource(name, manifest, options);
  }
}
