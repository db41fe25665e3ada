import * as pulumi from "@pulumi/pulumi";
import { kubernetesNames } from "../naming.ts";
import { passwordOutput } from "../secrets.ts";
import type { TenantLoginArgs } from "../tenant-args.ts";
import { certificateAuthority } from "./ca.ts";
import { apply, type ApplyOptions, type ClusterOptions, type Manifest } from "./apply.ts";
import { storeKeys, storeSecretName } from "./backups.ts";
import { caSecretName, poolerName } from "./certificate.ts";
import { databaseNames, fixedPaths, loginSecretNames, type RecoverySource } from "./cluster.ts";
import type { Secret } from "./manifest.ts";
import type { MigrationFile } from "./migration-script.ts";
import { loginSecret, opaqueSecret } from "./secret.ts";
import type { KubernetesPlatform, Place, SiloSettings } from "./settings.ts";
import { siloObjects, type SiloObjects } from "./silo-objects.ts";
import type { TenantNamespace } from "./tenant-namespace.ts";
import { validateSilo } from "./validate.ts";

export interface CloudNativePgSiloArgs extends TenantLoginArgs {
  /** The Kubernetes cluster. **Replaces.** */
  readonly platform: KubernetesPlatform;
  /** The tenant's namespace on it. */
  readonly namespace: TenantNamespace;
  readonly silo: SiloSettings;
  /**
   * Extensions of the template, installed into the schema `extensions`.
   * @default none
   */
  readonly extensions?: readonly string[];
  /** The template's files and the tenant's own, filled in and let through by the SQL guard, in order. */
  readonly files: readonly MigrationFile[];
  /**
   * Connections that the application's login may hold at once.
   * @default 10
   */
  readonly connectionLimit?: number;
  /**
   * Connections of the read-only login.
   * @default 5
   */
  readonly readOnlyConnectionLimit?: number;
  /**
   * Naming prefix of the tenant that `silo.recoverFrom` names.
   * @default the tenant's own
   */
  readonly recoverFromPrefix?: string;
  /**
   * An access key that reaches the cluster's folder in the object store, and for a recovery the source's.
   * @default the platform's
   */
  readonly backupCredentials?: {
    readonly accessKeyId: pulumi.Input<string>;
    readonly secretAccessKey: pulumi.Input<string>;
  };
}

/**
 * The tier `silo` in PostgreSQL on Kubernetes: a CloudNativePG cluster with its database, logins, pooler, backups,
 * certificate, network policies, and a job that applies the template. See docs/kubernetes.md.
 *
 * @example
 * new CloudNativePgSilo("acme", { tenant: "acme", prefix: "tenant", namespace, silo, … }, { provider });
 */
export class CloudNativePgSilo extends pulumi.ComponentResource {
  readonly cluster: pulumi.CustomResource;
  /** Service of the primary. */
  readonly host: pulumi.Output<string>;
  readonly port: pulumi.Output<number>;
  readonly database: pulumi.Output<string>;
  readonly schema: pulumi.Output<string>;
  readonly username: pulumi.Output<string>;
  /** Secret. */
  readonly password: pulumi.Output<string>;
  readonly readOnlyUsername: pulumi.Output<string>;
  /** Secret. */
  readonly readOnlyPassword: pulumi.Output<string>;
  /** PEM text of the authority that signed the server's certificate. */
  readonly ca: pulumi.Output<string>;
  readonly pooler: pulumi.Output<{ host: string; port: number }>;

  constructor(name: string, args: CloudNativePgSiloArgs, options: ClusterOptions) {
    const image = validateSilo(args.tenant, args.silo, args.platform);
    const { place } = args.namespace;
    const recovery = recoverySource(args);
    const names = recovery?.names ?? databaseNames(args.prefix, args.tenant);
    const objects = siloObjects(place, args.silo, args.platform, {
      names,
      state: args.state,
      image,
      connectionLimit: args.connectionLimit ?? 10,
      readOnlyConnectionLimit: args.readOnlyConnectionLimit ?? 5,
      recovery: recovery?.source,
      extensions: args.extensions ?? [],
      files: args.files,
    });
    super("tenancy:index:CloudNativePgSilo", name, {}, options);

    const password = (login: string): pulumi.Output<string> =>
      passwordOutput(args.secret, args.tenant, `postgres/${login}`, args.rotation ?? 0);
    this.password = password("app");
    this.readOnlyPassword = password("read-only");
    const secretNames = loginSecretNames(place.cluster);
    const logins: [role: string, Secret<string | pulumi.Output<string>>][] = [
      [
        "owner",
        loginSecret<string | pulumi.Output<string>>(place, secretNames.owner, names.ownerRole, password("owner")),
      ],
      ["app", loginSecret<string | pulumi.Output<string>>(place, secretNames.app, names.appRole, this.password)],
      [
        "read-only",
        loginSecret<string | pulumi.Output<string>>(
          place,
          secretNames.readOnly,
          names.readOnlyRole,
          this.readOnlyPassword,
        ),
      ],
    ];

    const inNamespace: ApplyOptions = { parent: this, dependsOn: [args.namespace, ...(args.dependsOn ?? [])] };
    const before = [
      ...logins.map(([role, manifest]) => apply(`${name}-login-${role}`, manifest, inNamespace)),
      ...this.#backupStore(name, args, place, objects, inNamespace),
      ...objects.policies.map((policy) => apply(`${name}-policy-${policy.metadata.name}`, policy, inNamespace)),
      ...optional(`${name}-certificate`, objects.certificate, inNamespace),
    ];

    this.cluster = apply(`${name}-cluster`, awaited(objects.cluster, readiness(args.state)), {
      parent: this,
      protect: args.state !== "offboarding",
      dependsOn: [args.namespace, ...before],
      replaceOnChanges: [...fixedPaths],
    });
    const onCluster: ApplyOptions = { parent: this, dependsOn: [this.cluster] };
    const applied = args.state === "suspended" ? undefined : "jsonpath={.status.applied}=true";
    const database = apply(`${name}-database`, awaited(objects.database, applied), onCluster);
    optional(`${name}-scheduled-backup`, objects.scheduledBackup, onCluster);
    optional(`${name}-pooler`, objects.pooler, onCluster);
    optional(`${name}-monitor`, objects.monitor, onCluster);
    optional(`${name}-pooler-monitor`, objects.poolerMonitor, onCluster);
    if (objects.migration !== undefined) {
      const files = apply(`${name}-migration-files`, objects.migration.files, inNamespace);
      apply(`${name}-migration`, objects.migration.job, { parent: this, dependsOn: [database, files] });
    }

    this.host = pulumi.output(`${place.cluster}-rw.${place.namespace}.svc`);
    this.port = pulumi.output(5432);
    this.database = pulumi.output(names.database);
    this.schema = pulumi.output(names.database);
    this.username = pulumi.output(names.appRole);
    this.readOnlyUsername = pulumi.output(names.readOnlyRole);
    this.pooler = pulumi.output({ host: `${poolerName(place.cluster)}.${place.namespace}.svc`, port: 5432 });
    this.ca = certificateAuthority(
      `${name}-ca`,
      place,
      caSecretName(place, args.platform),
      args.platform,
      this.cluster,
    );
    this.registerOutputs({
      host: this.host,
      port: this.port,
      database: this.database,
      schema: this.schema,
      username: this.username,
      password: this.password,
      readOnlyUsername: this.readOnlyUsername,
      readOnlyPassword: this.readOnlyPassword,
      ca: this.ca,
      pooler: this.pooler,
    });
  }

  #backupStore(
    name: string,
    args: CloudNativePgSiloArgs,
    place: Place,
    { store, sourceStore }: SiloObjects,
    options: ApplyOptions,
  ): pulumi.CustomResource[] {
    const settings = args.platform.objectStore;
    if (settings === undefined || (store ?? sourceStore) === undefined) return [];
    const stores = [
      ...optional(`${name}-object-store`, store, options),
      ...optional(`${name}-source-store`, sourceStore, options),
    ];
    if (settings.credentials.kind === "role") return stores;
    const { accessKeyId, secretAccessKey } = args.backupCredentials ?? settings.credentials;
    const values = {
      [storeKeys.id]: pulumi.output(accessKeyId ?? ""),
      [storeKeys.key]: pulumi.output(secretAccessKey ?? ""),
      ...(settings.region === undefined ? {} : { [storeKeys.region]: pulumi.output(settings.region) }),
    };
    return [
      ...stores,
      apply(`${name}-backup-store`, opaqueSecret(place, storeSecretName(place.cluster), values), options),
    ];
  }
}

function recoverySource(args: CloudNativePgSiloArgs) {
  const { recoverFrom } = args.silo;
  if (recoverFrom === undefined) return undefined;
  const prefix = args.recoverFromPrefix ?? args.prefix;
  const source: RecoverySource = {
    cluster: kubernetesNames(prefix, recoverFrom.tenant).cluster,
    time: recoverFrom.time,
  };
  return { source, names: databaseNames(prefix, recoverFrom.tenant) };
}

/** What an update waits for: a cluster that answers; of a hibernated one only that its certificates are made. */
function readiness(state: CloudNativePgSiloArgs["state"]): string {
  return state === "suspended" ? "jsonpath={.status.certificates.serverCASecret}" : "condition=Ready";
}

/** https://www.pulumi.com/registry/packages/kubernetes/annotations/ */
function awaited<M extends Manifest>(manifest: M, condition: string | undefined): M {
  if (condition === undefined) return manifest;
  const annotations = {
    ...manifest.metadata.annotations,
    "pulumi.com/waitFor": condition,
    "pulumi.com/timeoutSeconds": "1800",
  };
  return { ...manifest, metadata: { ...manifest.metadata, annotations } };
}

function optional(name: string, manifest: Manifest | undefined, options: ApplyOptions): pulumi.CustomResource[] {
  return manifest === undefined ? [] : [apply(name, manifest, options)];
}
