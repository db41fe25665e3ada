import type { Provider } from "@pulumi/kubernetes/provider.js";
import type * as pulumi from "@pulumi/pulumi";
import type { TenantRecord } from "../tenants/load.ts";
import { type CloudsArgs, once, recoverFromPrefix, sharedArgs } from "./clouds.ts";
import { CloudNativePgSilo } from "./kubernetes/cloudnativepg.ts";
import { CredentialsSecret } from "./kubernetes/credentials-secret.ts";
import type { MigrationFile } from "./kubernetes/migration-script.ts";
import { Neo4jInstance } from "./kubernetes/neo4j-instance.ts";
import { kubernetesProvider } from "./kubernetes/provider.ts";
import type { KubernetesPlatform } from "./kubernetes/settings.ts";
import { TenantNamespace } from "./kubernetes/tenant-namespace.ts";
import { PlatformError } from "./platform-error.ts";
import type { SiloEngine, SiloMade, SiloRequest } from "./silo-engine.ts";

/** Tenants' namespaces on the platform's clusters, and what lies in them. */
export class KubernetesClouds {
  readonly #args: CloudsArgs;
  readonly #clusters = new Map<string, { platform: KubernetesPlatform; provider: Provider }>();
  readonly #namespaces = new Map<string, TenantNamespace>();

  constructor(args: CloudsArgs) {
    this.#args = args;
  }

  /** Whether the tenant's cluster applies the files of its template itself, and so has to be given their text. */
  appliesFiles(record: TenantRecord): boolean {
    return (
      record.tier === "silo" &&
      this.#args.platform.clouds.postgres[record.placement.postgres ?? ""]?.kind === "cloudnativepg"
    );
  }

  siloEngine(record: TenantRecord, files: readonly MigrationFile[]): SiloEngine | undefined {
    const server = this.#args.platform.clouds.postgres[record.placement.postgres ?? ""];
    if (server?.kind !== "cloudnativepg") return undefined;
    return { kind: server.kind, build: (request) => this.#cloudNativePg(record, server.cluster, files, request) };
  }

  /** A graph database in the tenant's namespace; undefined on a server that the native provider works on. */
  neo4jInstance(record: TenantRecord, parent: pulumi.Resource): Neo4jInstance | undefined {
    const server = this.#args.platform.clouds.neo4j[record.placement.neo4j ?? ""];
    if (server === undefined || record.neo4j === undefined) return undefined;
    const { platform, provider } = this.#cluster(server.cluster);
    return new Neo4jInstance(
      record.id,
      {
        ...sharedArgs(this.#args, record, record.placement.neo4j ?? "", record.neo4j.rotation),
        platform,
        namespace: this.#namespace(record, server.cluster),
        graph: { memory: record.neo4j.memory, storageSize: record.neo4j.storageSize },
      },
      { parent, provider },
    );
  }

  /** A Secret in each of the applications' namespaces, or in the tenant's own where there is none. */
  credentialsSecret(record: TenantRecord, cluster: string, credentials: pulumi.Output<string>): CredentialsSecret {
    const { platform, provider } = this.#cluster(cluster);
    const { id: tenant, prefix, externalId, tier } = record;
    const args = { tenant, prefix, externalId, tier, platform, credentials, dependsOn: this.#args.dependsOn };
    const own = platform.applicationNamespaces.length === 0 ? this.#namespace(record, cluster) : undefined;
    return new CredentialsSecret(record.id, { ...args, namespace: own }, { provider });
  }

  #cloudNativePg(
    record: TenantRecord,
    cluster: string,
    files: readonly MigrationFile[],
    request: SiloRequest,
  ): SiloMade {
    const { platform, provider } = this.#cluster(cluster);
    const { silo, postgres } = record;
    if (silo === undefined || postgres === undefined) throw new Error(`tenant ${record.id} is no silo`);
    const made = new CloudNativePgSilo(
      record.id,
      {
        ...sharedArgs(this.#args, record, request.args.server, postgres.rotation),
        platform,
        namespace: this.#namespace(record, cluster),
        silo,
        extensions: request.args.extensions,
        files,
        connectionLimit: postgres.connectionLimit,
        readOnlyConnectionLimit: postgres.readOnlyConnectionLimit,
        recoverFromPrefix: recoverFromPrefix(this.#args, record),
      },
      { parent: request.parent, provider },
    );
    return {
      connection: {
        host: made.host,
        port: made.port,
        database: made.database,
        schema: made.schema,
        user: made.username,
        password: made.password,
        readOnlyUser: made.readOnlyUsername,
        readOnlyPassword: made.readOnlyPassword,
        ca: made.ca,
        pooler: { host: made.pooler.host, port: made.pooler.port },
      },
      resources: [made.cluster],
    };
  }

  #cluster(name: string) {
    return once(this.#clusters, name, () => {
      const platform = this.#args.platform.kubernetes[name];
      if (platform === undefined) throw new PlatformError(`the platform has no Kubernetes cluster "${name}"`);
      return { platform, provider: kubernetesProvider(`${name}-kubernetes`, platform) };
    });
  }

  /** One namespace a tenant and cluster, whatever lies in it. */
  #namespace(record: TenantRecord, cluster: string): TenantNamespace {
    const name = `${record.id}-${cluster}`;
    return once(this.#namespaces, name, () => {
      const { platform, provider } = this.#cluster(cluster);
      const graph = this.#args.platform.clouds.neo4j[record.placement.neo4j ?? ""];
      const { id: tenant, prefix, externalId, tier, state, backupWaiver, silo, neo4j, labels } = record;
      return new TenantNamespace(
        name,
        {
          ...{ tenant, prefix, externalId, tier, state, backupWaiver, platform, labels },
          quota: silo?.quota,
          graphMemory: graph?.cluster === cluster ? neo4j?.memory : undefined,
          loadBalancer: silo?.domain !== undefined,
          dependsOn: this.#args.dependsOn,
        },
        { provider },
      );
    });
  }
}
