/**
 * Canaries: tenants made for one run by the handlers that make every tenant, so that what would do harm is tried on
 * something that nobody needs.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { rmdir } from "node:fs/promises";
import { join } from "node:path";
import {
  canaryPrefix,
  neo4jNames,
  poolNames,
  postgresNames,
  redisNames,
  storageNames,
} from "../../components/naming.ts";
import type { Platform } from "../../provider/config.ts";
import type { CallContext } from "../../provider/handler.ts";
import { createHandlers } from "../../provider/handlers.ts";
import type {
  AclUserInputs,
  Neo4jDatabaseInputs,
  PoolTenantInputs,
  PrefixInputs,
  SchemaInputs,
  StoreName,
  TenantInputs,
} from "../../provider/inputs.ts";
import { forgetCanary } from "../../provider/postgres/canary-rows.ts";
import { PostgresPools } from "../../provider/postgres/pool.ts";
import type { AnyHandler } from "../../provider/rpc.ts";
import { loadTemplate } from "../../templates/load.ts";
import { checkVariables } from "../../templates/values.ts";
import type { PoolRecord } from "../../tenants/load.ts";
import { builtIn } from "../../tenants/text-forms.ts";
import type { Party } from "../party.ts";
import { canaryParty, serverOf } from "./canary-party.ts";
import { poolCanaryId } from "./id.ts";
import type { Place } from "./lease.ts";
import {
  canaryFolders,
  type LiveCanaries,
  type LiveCanary,
  liveFiles,
  livePool,
  livePostgres,
  liveRedis,
  liveS3,
} from "./live.ts";
import { liveNeo4j } from "./live-neo4j.ts";
import { poolCanaryInputs } from "./pool-canary.ts";

const types: Readonly<Record<StoreName, string>> = {
  postgres: "tenancy:postgres:Schema",
  redis: "tenancy:redis:AclUser",
  storage: "tenancy:storage:Prefix",
  neo4j: "tenancy:neo4j:Database",
};
const poolTenant = "tenancy:postgres:PoolTenant";

function typeOf({ store, pool }: Place): string {
  return pool === undefined ? types[store] : poolTenant;
}

/** Stands in for a backup, since nothing in a canary is anyone's. */
const backupWaiver = { reason: "canary of a verification run", name: "tenancy verify" };

export interface CanaryOptions {
  readonly platform: Platform;
  readonly project: string;
  readonly stack: string;
  readonly projectDir: string;
  /** Absolute path of the templates. */
  readonly templates: string;
  /**
   * Pools of the registry: a canary is made as a member of each that a tenant is in.
   * @default none
   */
  readonly pools?: readonly PoolRecord[];
  /** Ports and folders of this machine's development servers. */
  readonly embedded: ReadonlySet<string>;
  /** Connections of each login: as many attempts may run at once. */
  readonly connections: number;
}

type CanaryInputs = SchemaInputs | PoolTenantInputs | AclUserInputs | PrefixInputs | Neo4jDatabaseInputs;

/** Makes, finds and removes canaries on the platform's servers. */
export class Canaries {
  readonly #options: CanaryOptions;
  readonly #handlers: ReadonlyMap<string, AnyHandler>;
  readonly #pools: PostgresPools;

  constructor(options: CanaryOptions) {
    this.#options = options;
    this.#handlers = createHandlers(options);
    this.#pools = new PostgresPools(options.platform);
  }

  /**
   * Makes the canary on one server.
   *
   * @throws ProviderError when the server refuses; Error with the faults when the handler's check does
   */
  async make(id: string, place: Place, signal: AbortSignal): Promise<Party> {
    const handler = this.#handler(place);
    const own = this.nameOf(id, place);
    const inputs = this.#inputs(own, place);
    const context = this.#context(own, place, signal);
    const faults = await handler.check(context, undefined, { ...inputs });
    if (faults.length > 0) throw new Error(faults.map(({ reason }) => reason).join("\n"));
    const { outputs } = await handler.create(context, { ...inputs });
    return canaryParty(this.#options, id, place, outputs);
  }

  /** Whether the platform still has the server, and the registry the pool. */
  knows({ store, server, pool }: Place): boolean {
    if (pool !== undefined && !this.#pool(pool)) return false;
    return this.#options.platform[store][server] !== undefined;
  }

  /** What a run's canary is called in a place: `find` and `remove` go by it. */
  nameOf(id: string, { pool }: Place): string {
    return pool === undefined ? id : poolCanaryId(id, pool);
  }

  /** What there is of canaries on one server, whoever made them. */
  find({ store, server: name, pool }: Place): Promise<LiveCanaries> {
    if (pool !== undefined) return livePool(this.#pools, name, poolNames(pool));
    if (store === "postgres") return livePostgres(this.#pools, name);
    if (store === "redis") return liveRedis(serverOf(this.#options.platform.redis, name));
    if (store === "neo4j") return liveNeo4j(serverOf(this.#options.platform.neo4j, name));
    const server = serverOf(this.#options.platform.storage, name);
    return server.kind === "filesystem" ? liveFiles(server) : liveS3(server);
  }

  /**
   * Removes what `find` found. Can be run again.
   *
   * @throws ProviderError, or Error when something was left alone
   */
  async remove(id: string, place: Place, live: LiveCanary): Promise<void> {
    const { store, server, pool } = place;
    const handler = this.#handler(place);
    const inputs = this.#inputs(id, place);
    const signal = new AbortController().signal;
    const urn = live.mark?.urn ?? this.#urn(id, place);
    let refusal: string | undefined;
    const context: CallContext = {
      ...this.#context(id, place, signal),
      urn,
      adopt: new Set([id]),
      warn: (message) => {
        refusal = message;
      },
    };
    const instanceToken = live.mark?.token ?? (live.there ? await this.#adopt(handler, context, inputs) : "");
    const outputs = { ...inputs, accessKeyId: "", secretAccessKey: "", markUrn: urn, instanceToken };
    await handler.delete(context, id, { ...outputs, state: "offboarding", backupWaiver });
    if (refusal !== undefined) throw new Error(refusal);
    const { schema } = pool === undefined ? postgresNames(canaryPrefix, id) : poolNames(pool);
    if (store === "postgres") await forgetCanary(this.#pools, server, id, schema);
    if (store === "storage") await this.#removeFolders(server);
  }

  async close(): Promise<void> {
    await Promise.all([...[...this.#handlers.values()].map((handler) => handler.close?.()), this.#pools.close()]);
  }

  /** Gives what has lost its mark a new one: everything under the canaries' prefix is this command's. */
  async #adopt(handler: AnyHandler, context: CallContext, inputs: TenantInputs): Promise<string> {
    const { outputs } = await handler.create(context, { ...inputs });
    return String(outputs.instanceToken);
  }

  /** The folders above the canaries, once they are empty. */
  async #removeFolders(name: string): Promise<void> {
    const server = serverOf(this.#options.platform.storage, name);
    if (server.kind !== "filesystem") return;
    const { folder, marks } = canaryFolders(server);
    // Another run's canary may lie in them.
    for (const path of [folder, marks]) await rmdir(path).catch(() => undefined);
  }

  #handler(place: Place): AnyHandler {
    const type = typeOf(place);
    const handler = this.#handlers.get(type);
    if (handler === undefined) throw new Error(`no handler for ${type}`);
    return handler;
  }

  #pool(name: string): PoolRecord | undefined {
    return this.#options.pools?.find((one) => one.name === name);
  }

  #urn(id: string, place: Place): string {
    return `urn:pulumi:${this.#options.stack}::${this.#options.project}::${typeOf(place)}::${id}`;
  }

  #context(id: string, place: Place, signal: AbortSignal): CallContext {
    return {
      urn: this.#urn(id, place),
      adopt: new Set(),
      warn: () => undefined,
      status: () => undefined,
      signal,
    };
  }

  #inputs(id: string, { store, server, pool: name }: Place): CanaryInputs {
    if (name !== undefined) {
      const pool = this.#pool(name);
      if (pool === undefined) throw new Error(`the registry has no pool "${name}"`);
      return poolCanaryInputs(id, pool, this.#options.connections);
    }
    const shared = { server, tenant: id, state: "active" } as const;
    const password = (): string => randomBytes(24).toString("base64url");
    if (store === "redis") {
      const cluster = serverOf(this.#options.platform.redis, server).topology === "cluster";
      return { ...shared, ...redisNames(canaryPrefix, id, { cluster }), password: password() };
    }
    if (store === "storage") {
      return { ...shared, ...storageNames(canaryPrefix, id), folders: [...builtIn.folders], rotation: 0 };
    }
    if (store === "neo4j") return { ...shared, ...neo4jNames(canaryPrefix, id), password: password() };
    const { templates, connections } = this.#options;
    const template = loadTemplate(
      templates,
      existsSync(join(templates, canaryPrefix)) ? canaryPrefix : "knowledge-graph",
    );
    return {
      ...shared,
      ...postgresNames(canaryPrefix, id),
      externalId: `canary-${id}`,
      connectionLimit: connections,
      readOnlyConnectionLimit: connections,
      template: template.name,
      variables: checkVariables(template, {}).values,
      templateFiles: template.files,
      additionalFiles: [],
      additionalRoot: "tenants",
      password: password(),
      readOnlyPassword: password(),
    };
  }
}
