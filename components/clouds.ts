/** What tenants get from the providers of clouds, on servers that the native provider does not work on. */
import type * as pulumi from "@pulumi/pulumi";
import type { TenantRecord } from "../tenants/load.ts";
import type { AwsClouds } from "./clouds-aws.ts";
import type { KubernetesClouds } from "./clouds-kubernetes.ts";
import type { MigrationFile } from "./kubernetes/migration-script.ts";
import type { PlatformConfig } from "./platform.ts";
import type { SiloEngine } from "./silo-engine.ts";

export interface CloudsArgs {
  readonly platform: PlatformConfig;
  /** The stack's secret that passwords are derived from. */
  readonly secret: pulumi.Output<string>;
  /** All tenants of the registry. */
  readonly tenants: readonly TenantRecord[];
  /** The native provider. */
  readonly provider: pulumi.ProviderResource;
  /** The Roster: nothing of a tenant is made before it has agreed. */
  readonly dependsOn: pulumi.Resource[];
}

/** Each is there where the platform has a server of it. */
export interface Clouds {
  readonly kubernetes?: KubernetesClouds;
  readonly aws?: AwsClouds;
}

/** Loads the code of the clouds that the platform has a server of: it takes half a second, and memory. */
export async function loadClouds(args: CloudsArgs): Promise<Clouds> {
  const { clouds, delivery } = args.platform;
  const kinds = Object.values(clouds).flatMap((servers) => Object.values(servers).map(({ kind }) => kind as string));
  const onKubernetes = ["cloudnativepg", "kubernetes"];
  const useKubernetes = delivery?.kind === "kubernetes" || kinds.some((kind) => onKubernetes.includes(kind));
  const useAws = delivery?.kind === "secrets-manager" || kinds.some((kind) => !onKubernetes.includes(kind));
  const kubernetes = useKubernetes ? await import("./clouds-kubernetes.ts") : undefined;
  const aws = useAws ? await import("./clouds-aws.ts") : undefined;
  return {
    ...(kubernetes === undefined ? {} : { kubernetes: new kubernetes.KubernetesClouds(args) }),
    ...(aws === undefined ? {} : { aws: new aws.AwsClouds(args) }),
  };
}

/** The engine of a silo on a server of a cloud's; undefined on one that the native provider works on. */
export function siloEngineOf(
  { kubernetes, aws }: Clouds,
  record: TenantRecord,
  files: readonly MigrationFile[],
): SiloEngine | undefined {
  return kubernetes?.siloEngine(record, files) ?? aws?.siloEngine(record);
}

/** What every component of a tenant on a cloud takes. */
export function sharedArgs({ secret, dependsOn }: CloudsArgs, record: TenantRecord, server: string, rotation: number) {
  const { id: tenant, prefix, state, backupWaiver } = record;
  return { tenant, prefix, state, backupWaiver, server, rotation, secret, dependsOn };
}

/** Naming prefix of the tenant whose backups a silo is recovered from. */
export function recoverFromPrefix({ tenants }: CloudsArgs, { silo }: TenantRecord): string | undefined {
  return tenants.find(({ id }) => id === silo?.recoverFrom?.tenant)?.prefix;
}

/** What many tenants share is made at the first that asks for it. */
export function once<T>(made: Map<string, T>, name: string, make: () => T): T {
  const known = made.get(name) ?? make();
  made.set(name, known);
  return known;
}
