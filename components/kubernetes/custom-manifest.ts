/**
 * The kinds of CloudNativePG (https://cloudnative-pg.io/documentation/current/cloudnative-pg.v1/), of its barman plugin
 * (https://cloudnative-pg.io/plugin-barman-cloud/docs/plugin-barman-cloud.v1/), of cert-manager and of the Prometheus
 * operator, with exactly the fields that are used.
 */
import type {
  Container,
  LabelSelector,
  LocalReference,
  Metadata,
  Resources,
  ServiceSpec,
  Toleration,
} from "./manifest.ts";

interface Of<Version extends string, Kind extends string> {
  readonly apiVersion: Version;
  readonly kind: Kind;
  readonly metadata: Metadata;
}

interface KeyReference {
  readonly name: string;
  readonly key: string;
}

export interface ClusterRole {
  readonly name: string;
  readonly comment: string;
  readonly ensure: "present";
  readonly login: boolean;
  readonly superuser: false;
  readonly createdb: false;
  readonly createrole: false;
  readonly inherit: false;
  readonly connectionLimit: number;
  readonly passwordSecret: LocalReference;
}

export interface ClusterStorage {
  readonly size: string;
  readonly storageClass?: string;
  readonly resizeInUseVolumes: true;
}

interface PluginUse {
  readonly name: string;
  readonly isWALArchiver?: boolean;
  readonly parameters: { readonly barmanObjectName: string; readonly serverName: string };
}

export interface ClusterBootstrap {
  readonly initdb?: {
    readonly database: string;
    readonly owner: string;
    readonly secret: LocalReference;
    readonly dataChecksums: true;
    readonly encoding: "UTF8";
  };
  readonly recovery?: {
    readonly source: string;
    readonly database: string;
    readonly owner: string;
    readonly secret: LocalReference;
    readonly recoveryTarget: { readonly targetTime: string };
  };
}

export interface ClusterSpec {
  readonly description: string;
  readonly instances: number;
  readonly imageName: string;
  readonly imagePullSecrets?: LocalReference[];
  readonly enableSuperuserAccess: false;
  readonly enablePDB: boolean;
  readonly inheritedMetadata: { readonly labels: Readonly<Record<string, string>> };
  readonly bootstrap: ClusterBootstrap;
  readonly externalClusters?: { readonly name: string; readonly plugin: PluginUse }[];
  readonly plugins?: PluginUse[];
  readonly postgresql: {
    readonly parameters: Readonly<Record<string, string>>;
    readonly pg_hba: string[];
    readonly enableAlterSystem: false;
  };
  readonly certificates: {
    readonly serverTLSSecret?: string;
    readonly serverCASecret?: string;
    readonly serverAltDNSNames?: string[];
  };
  readonly managed: {
    readonly roles: ClusterRole[];
    readonly services?: {
      readonly additional: {
        readonly selectorType: "rw";
        readonly serviceTemplate: {
          readonly metadata: Omit<Metadata, "namespace">;
          readonly spec: ServiceSpec;
        };
      }[];
    };
  };
  readonly storage: ClusterStorage;
  readonly walStorage?: ClusterStorage;
  readonly resources: Resources;
  readonly affinity: {
    readonly enablePodAntiAffinity: true;
    readonly topologyKey: string;
    readonly nodeSelector?: Readonly<Record<string, string>>;
    readonly tolerations?: Toleration[];
  };
  readonly monitoring: { readonly enablePodMonitor: false };
  readonly serviceAccountTemplate?: { readonly metadata: { readonly annotations: Readonly<Record<string, string>> } };
}

export interface Cluster extends Of<"postgresql.cnpg.io/v1", "Cluster"> {
  readonly spec: ClusterSpec;
}

export interface Database extends Of<"postgresql.cnpg.io/v1", "Database"> {
  readonly spec: {
    readonly cluster: LocalReference;
    readonly name: string;
    readonly owner: string;
    readonly ensure: "present";
    readonly databaseReclaimPolicy: "retain";
    readonly schemas: { readonly name: string; readonly owner: string; readonly ensure: "present" }[];
    readonly extensions: { readonly name: string; readonly schema: string; readonly ensure: "present" }[];
  };
}

export interface ScheduledBackup extends Of<"postgresql.cnpg.io/v1", "ScheduledBackup"> {
  readonly spec: {
    readonly cluster: LocalReference;
    readonly schedule: string;
    readonly immediate: true;
    readonly suspend: boolean;
    readonly backupOwnerReference: "self";
    readonly method: "plugin";
    readonly pluginConfiguration: { readonly name: string };
  };
}

export interface ObjectStore extends Of<"barmancloud.cnpg.io/v1", "ObjectStore"> {
  readonly spec: {
    readonly retentionPolicy?: string;
    readonly configuration: {
      readonly destinationPath: string;
      readonly endpointURL?: string;
      readonly endpointCA?: KeyReference;
      readonly s3Credentials: {
        readonly inheritFromIAMRole?: true;
        readonly accessKeyId?: KeyReference;
        readonly secretAccessKey?: KeyReference;
        readonly region?: KeyReference;
      };
      readonly wal: { readonly compression: "gzip"; readonly encryption?: "AES256" | "aws:kms" };
      readonly data: { readonly compression: "gzip"; readonly encryption?: "AES256" | "aws:kms" };
    };
    readonly instanceSidecarConfiguration: { readonly resources: Resources };
  };
}

export interface Pooler extends Of<"postgresql.cnpg.io/v1", "Pooler"> {
  readonly spec: {
    readonly cluster: LocalReference;
    readonly instances: number;
    readonly type: "rw";
    readonly pgbouncer: {
      readonly poolMode: "session";
      readonly parameters: Readonly<Record<string, string>>;
    };
    readonly monitoring: { readonly enablePodMonitor: false };
    readonly deploymentStrategy: {
      readonly type: "RollingUpdate";
      readonly rollingUpdate: { readonly maxSurge: number; readonly maxUnavailable: number };
    };
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly containers: (Pick<Container, "name"> & { readonly resources: Resources })[];
        readonly imagePullSecrets?: LocalReference[];
        readonly nodeSelector?: Readonly<Record<string, string>>;
        readonly tolerations?: Toleration[];
      };
    };
  };
}

export interface PodMonitor extends Of<"monitoring.coreos.com/v1", "PodMonitor"> {
  readonly spec: {
    readonly selector: LabelSelector;
    readonly podMetricsEndpoints: { readonly port: string }[];
  };
}

export interface IssuerReference {
  readonly name: string;
  readonly kind: "Issuer" | "ClusterIssuer";
  readonly group: "cert-manager.io";
}

export interface Certificate extends Of<"cert-manager.io/v1", "Certificate"> {
  readonly spec: {
    readonly secretName: string;
    readonly secretTemplate?: { readonly labels: Readonly<Record<string, string>> };
    readonly dnsNames: string[];
    readonly usages: "server auth"[];
    readonly privateKey: { readonly algorithm: "ECDSA"; readonly size: 256; readonly rotationPolicy: "Always" };
    readonly issuerRef: IssuerReference;
  };
}

export type CustomManifest = Cluster | Database | ScheduledBackup | ObjectStore | Pooler | PodMonitor | Certificate;
