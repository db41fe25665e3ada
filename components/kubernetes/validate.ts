/** What can be refused before anything is registered. */
import { assertFits, bytes, millicores } from "./quantities.ts";
import { KubernetesError, type KubernetesPlatform, type SiloSettings } from "./settings.ts";

const imageWithMajor = /:[1-9][0-9]?(?:[.\-_][\w.\-]*)?(?:@sha256:[0-9a-f]{64})?$/;
const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * @returns the image of PostgreSQL
 * @throws KubernetesError
 */
export function validateSilo(tenant: string, silo: SiloSettings, platform: KubernetesPlatform): string {
  validateQuantities(tenant, {
    "silo.storageSize": [silo.storageSize, bytes],
    "silo.memory": [silo.memory, bytes],
    "silo.cpu": [silo.cpu, millicores],
  });
  if (silo.backup.enabled && platform.objectStore === undefined) {
    throw new KubernetesError(
      tenant,
      "silo.backup is enabled, and the Kubernetes cluster has no objectStore to write to: configure one, or set " +
        "silo.backup.enabled: false.",
    );
  }
  validateRecovery(tenant, silo, platform);
  assertFits(tenant, silo, platform);
  const image = platform.postgresImage;
  if (image === undefined || !imageWithMajor.test(image)) {
    throw new KubernetesError(
      tenant,
      `the Kubernetes cluster's postgresImage is ${JSON.stringify(image)}; it has to be an image whose tag begins with ` +
        `the major version of PostgreSQL, as in ghcr.io/cloudnative-pg/postgresql:18-standard-trixie.`,
    );
  }
  return image;
}

function validateRecovery(tenant: string, { recoverFrom }: SiloSettings, platform: KubernetesPlatform): void {
  if (recoverFrom === undefined) return;
  if (recoverFrom.tenant === tenant) {
    throw new KubernetesError(
      tenant,
      "silo.recoverFrom.tenant is the tenant itself: a moment is recovered into a new tenant, and the old one leaves " +
        "afterwards.",
    );
  }
  if (platform.objectStore === undefined) {
    throw new KubernetesError(tenant, "silo.recoverFrom needs the objectStore that the backups lie in.");
  }
  if (!rfc3339.test(recoverFrom.time) || Number.isNaN(Date.parse(recoverFrom.time))) {
    throw new KubernetesError(
      tenant,
      `silo.recoverFrom.time is ${JSON.stringify(recoverFrom.time)}; allowed is a time with its zone, as in ` +
        `2026-03-01T12:00:00Z.`,
    );
  }
}

export function validateQuantities(
  tenant: string,
  settings: Readonly<Record<string, readonly [string, (text: string) => number]>>,
): void {
  for (const [setting, [value, parse]] of Object.entries(settings)) {
    try {
      parse(value);
    } catch (error) {
      throw new KubernetesError(tenant, `${setting}: ${error instanceof Error ? error.message : "not legal"}.`);
    }
  }
}
