/**
 * A Neo4j Community instance of a tenant's own. Community knows no rights: every user is an administrator, and the
 * instance, its volume and its network policy are what keeps tenants apart.
 */
import { createHash } from "node:crypto";
import { certificateManifest, serviceNames } from "./certificate.ts";
import type { Certificate } from "./custom-manifest.ts";
import type {
  EnvironmentVariable,
  Job,
  PersistentVolumeClaim,
  PodSpec,
  Probe,
  Service,
  StatefulSet,
} from "./manifest.ts";
import { pullSecretsOf } from "./namespace.ts";
import { ports, roleLabel } from "./network-policies.ts";
import { bytes, graphResources, rotationResources } from "./quantities.ts";
import { KubernetesError, type KubernetesPlatform, type Place } from "./settings.ts";

export interface GraphSettings {
  /** Of the instance, as in `1Gi`. */
  readonly memory: string;
  /** As in `10Gi`. Grows in place, never shrinks. */
  readonly storageSize: string;
  /** Left out: the cluster's default. */
  readonly storageClass?: string;
}

/** The only user of an instance. */
export const graphUser = "neo4j";
/** Of the official image. */
const userId = 7474;
const mebibyte = 2 ** 20;

export function graphNames({ cluster }: Place): { graph: string; headless: string; tls: string; auth: string } {
  const graph = `${cluster}-graph`;
  return { graph, headless: `${graph}-pods`, tls: `${graph}-tls`, auth: `${graph}-auth` };
}

export function graphHost(place: Place): string {
  return `${graphNames(place).graph}.${place.namespace}.svc`;
}

/** @throws KubernetesError without certificates: Bolt is never served in plain text. */
export function graphTlsSecret(place: Place, platform: KubernetesPlatform): string {
  const { certificates } = platform;
  if (certificates === undefined) {
    throw new KubernetesError(
      place.tenant,
      "its graph needs a certificate, and the Kubernetes cluster has no certificates: name an issuer of cert-manager, " +
        "or a secret, in the platform's configuration.",
    );
  }
  return certificates.kind === "secret"
    ? certificates.name.replaceAll("{cluster}", graphNames(place).graph)
    : graphNames(place).tls;
}

export function graphCertificate(place: Place, platform: KubernetesPlatform): Certificate | undefined {
  const { graph, tls } = graphNames(place);
  return certificateManifest(place, platform.certificates, tls, serviceNames([graph], place.namespace));
}

/** A claim of its own, since those of a StatefulSet cannot grow in place. */
export function graphClaim(place: Place, settings: GraphSettings): PersistentVolumeClaim {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: graphNames(place).graph, namespace: place.namespace, labels: place.labels },
    spec: {
      accessModes: ["ReadWriteOnce"],
      ...(settings.storageClass === undefined ? {} : { storageClassName: settings.storageClass }),
      resources: { requests: { storage: settings.storageSize } },
    },
  };
}

export function graphServices(place: Place): { client: Service; headless: Service } {
  const { graph, headless } = graphNames(place);
  const bolt = { name: "bolt", port: ports.bolt, targetPort: "bolt", protocol: "TCP" } as const;
  const service = (name: string, spec: Service["spec"]): Service => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: place.namespace, labels: place.labels },
    spec,
  });
  const selector = { [roleLabel]: "graph" };
  return {
    client: service(graph, { type: "ClusterIP", selector, ports: [bolt] }),
    headless: service(headless, { clusterIP: "None", publishNotReadyAddresses: true, selector, ports: [bolt] }),
  };
}

/** @param running - not while the tenant is suspended or leaving: the volume stays, and no session lives */
export function graphStatefulSet(
  place: Place,
  settings: GraphSettings,
  platform: KubernetesPlatform,
  image: string,
  running: boolean,
): StatefulSet {
  const { graph, headless, auth } = graphNames(place);
  const labels = { ...place.labels, [roleLabel]: "graph" };
  const probe = (failureThreshold: number): Probe => ({
    tcpSocket: { port: "bolt" },
    periodSeconds: 10,
    timeoutSeconds: 5,
    failureThreshold,
  });
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: graph, namespace: place.namespace, labels: place.labels },
    spec: {
      replicas: running ? 1 : 0,
      serviceName: headless,
      selector: { matchLabels: { [roleLabel]: "graph" } },
      template: {
        metadata: { labels },
        spec: {
          ...confined(platform),
          // A checkpoint of a large store takes its time.
          terminationGracePeriodSeconds: 300,
          containers: [
            {
              name: "neo4j",
              image,
              env: [
                { name: "NEO4J_AUTH", valueFrom: { secretKeyRef: { name: auth, key: "initial" } } },
                ...Object.entries(environment(place, settings)).map(([name, value]) => ({ name, value })),
              ],
              ports: [{ name: "bolt", containerPort: ports.bolt }],
              resources: graphResources(settings.memory),
              securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
              volumeMounts: [
                { name: "data", mountPath: "/data" },
                { name: "tls", mountPath: "/tls", readOnly: true },
                { name: "no-clients", mountPath: "/tls-clients" },
              ],
              // Recovery after a crash may take long before the port opens.
              startupProbe: probe(180),
              readinessProbe: probe(3),
              livenessProbe: probe(6),
            },
          ],
          volumes: [
            { name: "data", persistentVolumeClaim: { claimName: graph } },
            { name: "tls", secret: { secretName: graphTlsSecret(place, platform), defaultMode: 0o440 } },
            // Folders of trusted and revoked clients have to be there, and are empty.
            { name: "no-clients", emptyDir: {} },
          ],
        },
      },
    },
  };
}

/**
 * Changes the password after a rotation: the server only reads the first one from its environment. It tries the new
 * password, then each that there was before, so that any number of rotations may lie between two runs.
 */
export function graphRotationJob(place: Place, platform: KubernetesPlatform, image: string, rotation: number): Job {
  const { graph, auth } = graphNames(place);
  const address: EnvironmentVariable = { name: "ADDRESS", value: `bolt+s://${graphHost(place)}:${ports.bolt}` };
  const digest = createHash("sha256")
    .update(JSON.stringify([image, rotationScript]))
    .digest("hex")
    .slice(0, 4);
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: `${graph}-${rotation}-${digest}`, namespace: place.namespace, labels: place.labels },
    spec: {
      backoffLimit: 6,
      activeDeadlineSeconds: 1800,
      template: {
        metadata: { labels: { ...place.labels, [roleLabel]: "graph-password" } },
        spec: {
          ...confined(platform),
          restartPolicy: "Never",
          containers: [
            {
              name: "graph-password",
              image,
              command: ["bash", "-c", rotationScript],
              env: [
                address,
                { name: "HOME", value: "/tmp" },
                { name: "PASSWORD", valueFrom: { secretKeyRef: { name: auth, key: "password" } } },
                { name: "PREVIOUS", valueFrom: { secretKeyRef: { name: auth, key: "previous" } } },
              ],
              resources: rotationResources,
              securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
              volumeMounts: [
                { name: "tls", mountPath: "/tls", readOnly: true },
                { name: "tmp", mountPath: "/tmp" },
              ],
            },
          ],
          volumes: [
            {
              name: "tls",
              secret: { secretName: graphTlsSecret(place, platform), items: [{ key: "ca.crt", path: "ca.crt" }] },
            },
            { name: "tmp", emptyDir: { sizeLimit: "64Mi" } },
          ],
        },
      },
    },
  };
}

/** Passwords are letters, digits, - and _; they reach the client by its environment and its input, never as arguments. */
const rotationScript = [
  "set -euo pipefail",
  "keytool -importcert -noprompt -alias tenant -file /tls/ca.crt -keystore /tmp/trust.p12 -storetype PKCS12 -storepass changeit >/dev/null 2>&1",
  'export JAVA_TOOL_OPTIONS="-Djavax.net.ssl.trustStore=/tmp/trust.p12 -Djavax.net.ssl.trustStorePassword=changeit"',
  'shell() { NEO4J_USERNAME=neo4j NEO4J_PASSWORD="$1" cypher-shell --address "$ADDRESS" --database system --format plain >/dev/null 2>&1; }',
  // Three failed logins lock the user out for five seconds.
  "for attempt in $(seq 1 30); do",
  '  if echo "SHOW DATABASES YIELD name;" | shell "$PASSWORD"; then echo "the password is the current one"; exit 0; fi',
  "  for old in $PREVIOUS; do",
  "    sleep 6",
  `    if echo "ALTER CURRENT USER SET PASSWORD FROM '$old' TO '$PASSWORD';" | shell "$old"; then echo "the password was changed"; exit 0; fi`,
  "  done",
  "  sleep 6",
  "done",
  'echo "neither the current password nor an earlier one opens the graph" >&2',
  "exit 1",
].join("\n");

function confined(
  platform: KubernetesPlatform,
): Pick<PodSpec, "automountServiceAccountToken" | "enableServiceLinks" | "imagePullSecrets" | "securityContext"> {
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...pullSecretsOf(platform),
    securityContext: {
      runAsNonRoot: true,
      runAsUser: userId,
      runAsGroup: userId,
      fsGroup: userId,
      fsGroupChangePolicy: "OnRootMismatch",
      seccompProfile: { type: "RuntimeDefault" },
    },
  };
}

/** https://neo4j.com/docs/operations-manual/current/docker/ref-settings: `.` is `_`, and `_` is `__`. */
function environment(place: Place, settings: GraphSettings): Record<string, string> {
  const total = Math.floor(bytes(settings.memory) / mebibyte);
  const share = (part: number): string => `${Math.floor(total * part)}m`;
  return {
    NEO4J_server_default__listen__address: "0.0.0.0",
    NEO4J_server_default__advertised__address: graphHost(place),
    NEO4J_server_bolt_tls__level: "REQUIRED",
    NEO4J_server_http_enabled: "false",
    NEO4J_server_https_enabled: "false",
    NEO4J_dbms_ssl_policy_bolt_enabled: "true",
    NEO4J_dbms_ssl_policy_bolt_base__directory: "/tls",
    NEO4J_dbms_ssl_policy_bolt_private__key: "tls.key",
    NEO4J_dbms_ssl_policy_bolt_public__certificate: "tls.crt",
    NEO4J_dbms_ssl_policy_bolt_trusted__dir: "/tls-clients",
    NEO4J_dbms_ssl_policy_bolt_revoked__dir: "/tls-clients",
    NEO4J_dbms_ssl_policy_bolt_client__auth: "NONE",
    NEO4J_dbms_ssl_policy_bolt_tls__versions: "TLSv1.3,TLSv1.2",
    NEO4J_dbms_usage__report_enabled: "false",
    // Half for the heap, a fifth for pages; the rest is the virtual machine's own.
    NEO4J_server_memory_heap_initial__size: share(0.5),
    NEO4J_server_memory_heap_max__size: share(0.5),
    NEO4J_server_memory_pagecache_size: share(0.2),
    // Files of the server and of other hosts stay out of LOAD CSV.
    NEO4J_dbms_security_allow__csv__import__from__file__urls: "false",
  };
}
