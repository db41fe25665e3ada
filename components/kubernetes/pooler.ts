/** PgBouncer in front of a silo. */
import { poolerName } from "./certificate.ts";
import { schedulingOf } from "./cluster.ts";
import type { Pooler } from "./custom-manifest.ts";
import { pullSecretsOf } from "./namespace.ts";
import { poolerResources } from "./quantities.ts";
import {
  KubernetesError,
  type KubernetesPlatform,
  type Place,
  poolerInstancesDefault,
  type SiloSettings,
} from "./settings.ts";

/** Clients that one pod of the pooler takes. */
const maxClients = 1000;

/**
 * Session mode: a session's settings and prepared statements are the client's own until it leaves.
 *
 * @throws KubernetesError when the login may not hold as many connections as the pool.
 */
export function poolerManifest(
  { tenant, cluster, namespace, labels }: Place,
  silo: SiloSettings,
  platform: KubernetesPlatform,
  connectionLimit: number,
): Pooler {
  const instances = platform.poolerInstances ?? poolerInstancesDefault;
  // Each pod has a pool of its own; together they hold the tenant's.
  const poolSize = Math.ceil(silo.poolSize / instances);
  if (poolSize * instances > connectionLimit) {
    throw new KubernetesError(
      tenant,
      `silo.poolSize is ${silo.poolSize}, which ${instances} poolers hold as ${poolSize * instances} connections, and ` +
        `postgres.connectionLimit is ${connectionLimit}: raise the limit to ${poolSize * instances}, or lower the size.`,
    );
  }
  return {
    apiVersion: "postgresql.cnpg.io/v1",
    kind: "Pooler",
    metadata: { name: poolerName(cluster), namespace, labels },
    spec: {
      cluster: { name: cluster },
      instances,
      type: "rw",
      pgbouncer: {
        poolMode: "session",
        parameters: {
          default_pool_size: String(poolSize),
          max_client_conn: String(maxClients),
          client_tls_sslmode: "require",
          server_tls_sslmode: "verify-full",
          server_tls_protocols: "secure",
        },
      },
      monitoring: { enablePodMonitor: false },
      deploymentStrategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels },
        spec: {
          containers: [{ name: "pgbouncer", resources: poolerResources }],
          ...pullSecretsOf(platform),
          ...schedulingOf(silo.dedicatedNodes),
        },
      },
    },
  };
}
