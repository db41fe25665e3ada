/**
 * Applies a template inside of the cluster, so that the machine that runs an update needs no way to the database. Named
 * by a digest of all that it reads: other files are another job, and the same ones are the same job.
 */
import { createHash } from "node:crypto";
import { caSecretName } from "./certificate.ts";
import { loginSecretNames, type DatabaseNames, schedulingOf } from "./cluster.ts";
import type { ConfigMap, Job } from "./manifest.ts";
import {
  applyScript,
  applySql,
  fileKey,
  type MigrationFile,
  migrationFolder,
  prepareSql,
  readySql,
} from "./migration-script.ts";
import { pullSecretsOf } from "./namespace.ts";
import { roleLabel } from "./network-policies.ts";
import { migrationResources } from "./quantities.ts";
import { KubernetesError, type KubernetesPlatform, type Place, type SiloSettings } from "./settings.ts";

/** Characters of the digest: with `-sql-` and a cluster's 50 a name has 63. */
const digestLength = 8;
/** https://kubernetes.io/docs/concepts/configuration/configmap/ */
const maxConfigMapBytes = 1024 * 1024;

export interface Migration {
  readonly files: ConfigMap;
  readonly job: Job;
}

/** @throws KubernetesError when the files are too large for a ConfigMap. */
export function migrationManifests(
  place: Place,
  silo: SiloSettings,
  platform: KubernetesPlatform,
  options: {
    readonly names: DatabaseNames;
    readonly image: string;
    readonly extensions: readonly string[];
    readonly files: readonly MigrationFile[];
  },
): Migration {
  const { tenant, cluster, namespace, labels } = place;
  const { names, files } = options;
  const data = {
    "apply.sh": applyScript(files),
    "ready.sql": readySql(names, options.extensions),
    "prepare.sql": prepareSql(names),
    "apply.sql": applySql(names),
    ...Object.fromEntries(files.map(({ sql }, index) => [fileKey(index), sql])),
  };
  const size = Object.entries(data).reduce((sum, [key, text]) => sum + key.length + Buffer.byteLength(text), 0);
  if (size > maxConfigMapBytes) {
    throw new KubernetesError(
      tenant,
      `the files of its template have ${size} bytes, and a ConfigMap holds ${maxConfigMapBytes}: move rows out of the ` +
        `template into a data load of the application.`,
    );
  }
  const spec = jobSpec(place, silo, platform, options.image, names);
  const digest = createHash("sha256")
    .update(JSON.stringify([data, spec]))
    .digest("hex")
    .slice(0, digestLength);
  const name = `${cluster}-sql-${digest}`;
  return {
    files: { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace, labels }, immutable: true, data },
    job: {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name, namespace, labels },
      spec: {
        ...spec,
        template: {
          ...spec.template,
          spec: {
            ...spec.template.spec,
            volumes: [
              { name: "migration", configMap: { name } },
              { name: "ca", secret: caVolume(place, platform) },
              { name: "tmp", emptyDir: { sizeLimit: "16Mi" } },
            ],
          },
        },
      },
    },
  };
}

function caVolume(place: Place, platform: KubernetesPlatform) {
  // Only the certificate: the operator's own secret holds the authority's key beside it.
  return { secretName: caSecretName(place, platform), items: [{ key: "ca.crt", path: "ca.crt" }] };
}

function jobSpec(
  { cluster, labels }: Place,
  silo: SiloSettings,
  platform: KubernetesPlatform,
  image: string,
  names: DatabaseNames,
): Job["spec"] {
  const secret = loginSecretNames(cluster).owner;
  return {
    backoffLimit: 4,
    activeDeadlineSeconds: 3600,
    template: {
      metadata: { labels: { ...labels, [roleLabel]: "migration" } },
      spec: {
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        restartPolicy: "Never",
        ...pullSecretsOf(platform),
        ...schedulingOf(silo.dedicatedNodes),
        securityContext: {
          runAsNonRoot: true,
          // The user `postgres` of CloudNativePG's images.
          runAsUser: 26,
          runAsGroup: 26,
          seccompProfile: { type: "RuntimeDefault" },
        },
        containers: [
          {
            name: "migration",
            image,
            command: ["sh", `${migrationFolder}/apply.sh`],
            env: [
              { name: "PGHOST", value: `${cluster}-rw` },
              { name: "PGPORT", value: "5432" },
              { name: "PGDATABASE", value: names.database },
              { name: "PGUSER", valueFrom: { secretKeyRef: { name: secret, key: "username" } } },
              { name: "PGPASSWORD", valueFrom: { secretKeyRef: { name: secret, key: "password" } } },
              { name: "PGSSLMODE", value: "verify-full" },
              { name: "PGSSLROOTCERT", value: "/ca/ca.crt" },
              { name: "PGCONNECT_TIMEOUT", value: "10" },
              { name: "HOME", value: "/tmp" },
            ],
            resources: migrationResources,
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ["ALL"] },
            },
            volumeMounts: [
              { name: "migration", mountPath: migrationFolder, readOnly: true },
              { name: "ca", mountPath: "/ca", readOnly: true },
              { name: "tmp", mountPath: "/tmp" },
            ],
          },
        ],
      },
    },
  };
}
