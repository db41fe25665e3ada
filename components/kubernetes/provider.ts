import { Provider } from "@pulumi/kubernetes/provider.js";
import type * as pulumi from "@pulumi/pulumi";
import type { KubernetesPlatform } from "./settings.ts";

/**
 * The explicit provider of one Kubernetes cluster. Secrets are changed in place: the default makes a new one and deletes
 * the old, which a rotated password would be missing for a moment.
 */
export function kubernetesProvider(
  name: string,
  platform: KubernetesPlatform,
  options?: pulumi.ResourceOptions,
): Provider {
  return new Provider(
    name,
    {
      kubeconfig: platform.kubeconfig,
      context: platform.context,
      enableServerSideApply: true,
      enableSecretMutable: true,
      enableConfigMapMutable: true,
    },
    options,
  );
}
