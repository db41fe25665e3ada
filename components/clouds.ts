/**
 * What tenants get from the providers of clouds, and what they share of it. Only loaded by a stack whose platform has such
 * servers: the clouds' packages take half a second and memory.
 */
import { readFileSync } from "node:fs";
import type { Provider as KubernetesProvider } from "@pulumi/kubernetes/provider.js";
import * as pulumi from "@pulumi/pulumi";
import type { TenantRecord } from "../tenants/load.ts";
import { RdsFoundation } from "./aws/rds-foundation.ts";
import { rdsSilo } from "./aws/rds-silo.ts";
import { CloudNativePgSilo } from "./kubernetes/cloudnativepg.ts";
import { CredentialsSecret } from "./kubernetes/credentials-secret.ts";
import type { MigrationFile } from "./kubernetes/migration-script.ts";
import { Neo4jInstance } from "./kubernetes/neo4j-instance.ts";
import { kubernetesProvider } from "./kubernetes/provider.ts";
import type { KubernetesPlatform } from "./kubernetes/settings.ts";
import { TenantNamespace } from "./kubernetes/tenant-namespace.ts";
import { type PlatformConfig, PlatformError } from "./platform.ts";
import type { SiloEngine, SiloRequest } from "./silo-engine.ts";
import { siloDatabase } from "./tenant-database-silo.ts";

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

export class Clouds {
  readonly #args: CloudsArgs;
  readonly #clusters = new Map<string, { platform: KubernetesPlatform; provider: KubernetesProvider }>();
  readonly #namespaces = new Map<string, TenantNamespace>();
  readonly #foundations = new Map<string, RdsFoundation>();

  constructor(args: CloudsArgs) {
    this.#args = args;
  }

  /** Whether the tenant's cluster applies the files of its template itself, and so has to be given their text. */
  appliesFiles(record: TenantRecord): boolean {
    return this.#args.platform.clouds.postgres[record.placement.postgres ?? ""]?.kind === "cloudnativepg";
  }

  /** The engine of a silo on a server of the platform; undefined on one that the native provider works on. */
  siloEngine(record: TenantRecord, files: readonly MigrationFile[]): SiloEngine | undefined {
    const name = record.placement.postgres ?? "";
    const server = this.#args.platform.clouds.postgres[name];
    if (server === undefined) return undefined;
    if (server.kind === "cloudnativepg") {
      return { kind: server.kind, build: (request) => this.#cloudNativePg(record, server.cluster, files, request) };
    }
    return { kind: server.kind, build: (request) => this.#rds(record, name, request) };
  }

  /** A graph database in the tenant's namespace; undefined on a server that the native provider works on. */
  neo4jInstance(record: TenantRecord, parent: pulumi.Resource): Neo4jInstance | undefined {
    const server = this.#args.platform.clouds.neo4j[record.placement.neo4j ?? ""];
    if (server === undefined || record.neo4j === undefined) return undefined;
    const { platform, provider } = this.#cluster(server.cluster);
    return new Neo4jInstance(
      record.id,
      {
        ...this.#shared(record, record.placement.neo4j ?? "", record.neo4j.rotation),
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

  #cloudNativePg(record: TenantRecord, cluster: string, files: readonly MigrationFile[], request: SiloRequest) {
    const { platform, provider } = this.#cluster(cluster);
    const { silo, postgres } = record;
    if (silo === undefined || postgres === undefined) throw new Error(`tenant ${record.id} is no silo`);
    const made = new CloudNativePgSilo(
      record.id,
      {
        ...this.#shared(record, request.args.server, postgres.rotation),
        platform,
        namespace: this.#namespace(record, cluster),
        silo,
        extensions: request.args.extensions,
        files,
        connectionLimit: postgres.connectionLimit,
        readOnlyConnectionLimit: postgres.readOnlyConnectionLimit,
        recoverFromPrefix: this.#args.tenants.find(({ id }) => id === silo.recoverFrom?.tenant)?.prefix,
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

  #rds(record: TenantRecord, name: string, request: SiloRequest) {
    const { silo, postgres } = record;
    if (silo === undefined || postgres === undefined) throw new Error(`tenant ${record.id} is no silo`);
    const resources: pulumi.Resource[] = [];
    const made = rdsSilo(
      record.id,
      {
        ...this.#shared(record, name, postgres.rotation),
        foundation: this.#foundation(name),
        settings: silo,
        extensions: request.args.extensions,
        inside: (inside) => {
          const database = siloDatabase(request, inside);
          resources.push(database);
          return database;
        },
      },
      request.parent,
    );
    const { port, database, schema, user, readOnlyUser, pooler } = made;
    return {
      connection: {
        ...made,
        port: pulumi.output(port),
        database: pulumi.output(database),
        schema: pulumi.output(schema),
        user: pulumi.output(user),
        readOnlyUser: pulumi.output(readOnlyUser),
        pooler: pooler === undefined ? undefined : { host: pooler.host, port: pulumi.output(pooler.port) },
      },
      resources,
    };
  }

  #shared(record: TenantRecord, server: string, rotation: number) {
    const { id: tenant, prefix, state, backupWaiver } = record;
    const { secret, dependsOn } = this.#args;
    return { tenant, prefix, state, backupWaiver, server, rotation, secret, dependsOn };
  }

  #cluster(name: string) {
    const known = this.#clusters.get(name);
    if (known !== undefined) return known;
    const platform = this.#args.platform.kubernetes[name];
    if (platform === undefined) throw new PlatformError(`the platform has no Kubernetes cluster "${name}"`);
    const made = { platform, provider: kubernetesProvider(`${name}-kubernetes`, platform) };
    this.#clusters.set(name, made);
    return made;
  }

  /** One namespace a tenant and cluster, whatever lies in it. */
  #namespace(record: TenantRecord, cluster: string): TenantNamespace {
    const key = `${record.id}-${cluster}`;
    const known = this.#namespaces.get(key);
    if (known !== undefined) return known;
    const { clouds } = this.#args.platform;
    const { platform, provider } = this.#cluster(cluster);
    const graph = clouds.neo4j[record.placement.neo4j ?? ""];
    const { id: tenant, prefix, externalId, tier, state, backupWaiver, silo, neo4j } = record;
    const made = new TenantNamespace(
      key,
      {
        ...{ tenant, prefix, externalId, tier, state, backupWaiver, platform },
        quota: silo?.quota,
        graphMemory: graph?.cluster === cluster ? neo4j?.memory : undefined,
        loadBalancer: silo?.domain !== undefined,
        dependsOn: this.#args.dependsOn,
      },
      { provider },
    );
    this.#namespaces.set(key, made);
    return made;
  }

  #foundation(name: string): RdsFoundation {
    const known = this.#foundations.get(name);
    if (known !== undefined) return known;
    const server = this.#args.platform.clouds.postgres[name];
    if (server?.kind !== "rds") throw new PlatformError(`the platform has no server "${name}" of the kind rds`);
    const caFile = server.caBundleFile;
    const made = new RdsFoundation(name, { server, caFile, ca: readBundle(name, caFile) });
    this.#foundations.set(name, made);
    return made;
  }
}

function readBundle(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new PlatformError(
      `platform entry ${name}: caBundleFile ${path} cannot be read (${code}). ` +
        `Download the region's certificate bundle: docs/rds.md names it.`,
    );
  }
}
