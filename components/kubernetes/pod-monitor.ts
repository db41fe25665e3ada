/** What Prometheus scrapes: made by us, since the operator's `enablePodMonitor` is deprecated. */
import { poolerName } from "./certificate.ts";
import type { PodMonitor } from "./custom-manifest.ts";
import type { Place } from "./settings.ts";

export function podMonitors({ cluster, namespace, labels }: Place): { database: PodMonitor; pooler: PodMonitor } {
  const monitor = (name: string, matchLabels: Readonly<Record<string, string>>): PodMonitor => ({
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PodMonitor",
    metadata: { name, namespace, labels },
    spec: { selector: { matchLabels }, podMetricsEndpoints: [{ port: "metrics" }] },
  });
  return {
    database: monitor(cluster, { "cnpg.io/cluster": cluster, "cnpg.io/podRole": "instance" }),
    pooler: monitor(poolerName(cluster), { "cnpg.io/poolerName": poolerName(cluster) }),
  };
}
