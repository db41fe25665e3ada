import * as core from "@pulumi/kubernetes/core/v1/index.js";
import * as pulumi from "@pulumi/pulumi";
import { KubernetesError, type KubernetesPlatform, type Place } from "./settings.ts";

/**
 * PEM text of the authority that an application verifies a server with: what the platform's configuration says, else
 * the key `ca.crt` of a Secret that is there once the server is.
 *
 * A Secret that is read lies in the state as a whole, the private key beside the certificate encrypted like a password.
 *
 * @param server - what has to be there first; in the preview of a new one the authority is unknown
 */
export function certificateAuthority(
  name: string,
  { tenant, namespace }: Place,
  secretName: string,
  { certificates }: KubernetesPlatform,
  server: pulumi.CustomResource,
): pulumi.Output<string> {
  if (certificates?.ca !== undefined) return pulumi.output(certificates.ca);
  const id = server.id.apply(() => `${namespace}/${secretName}`);
  const secret = core.Secret.get(name, id, { parent: server });
  const text = secret.data.apply((data) => authorityText(tenant, `${namespace}/${secretName}`, data));
  return pulumi.unsecret(text);
}

/** @throws KubernetesError for a Secret without the authority: an application would verify nothing. */
export function authorityText(
  tenant: string,
  secret: string,
  data: Readonly<Record<string, string>> | undefined,
): string {
  const encoded = data?.["ca.crt"];
  if (encoded !== undefined && encoded !== "") return Buffer.from(encoded, "base64").toString("utf8");
  throw new KubernetesError(
    tenant,
    `the Secret ${secret} has no ca.crt to verify the server with: use an issuer that fills it (CA, Vault), or give ` +
      `the authority as certificates.ca of the Kubernetes cluster.`,
  );
}
