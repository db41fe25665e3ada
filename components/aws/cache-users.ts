/** What the baselines of both kinds of caches have in common, and what a tenant's component takes of them. */
import * as pulumi from "@pulumi/pulumi";
import type { TenantState } from "../../provider/inputs.ts";
import { awsName, redisNames } from "../naming.ts";
import { PlatformError } from "../platform-error.ts";
import { passwordOutput } from "../secrets.ts";
import { accessString, engineOf } from "./access-string.ts";
import { type CacheTenant, cacheOf } from "./cache-assignment.ts";
import { type CacheSettings, isClustered, nativeCacheName } from "./cache-settings.ts";
import type { PolicyDocument } from "./policies/document.ts";

export interface RedisTenant extends CacheTenant {
  readonly state: TenantState;
  /** Counter of its password. */
  readonly rotation: number;
}

export interface CacheBaselineArgs<S extends CacheSettings> {
  /** The server's entry in the platform's configuration. */
  readonly settings: S;
  /** All tenants of the registry that lie on the server. */
  readonly tenants: readonly RedisTenant[];
  /** Secret of the stack that passwords are derived from. */
  readonly secret: pulumi.Output<string>;
  /** What has to be there before a user: the Roster. */
  readonly dependsOn?: pulumi.Input<pulumi.Resource>[];
}

/** A tenant's login at a cache on AWS. */
export interface CacheLogin {
  /** Name of the cache that it lies on. */
  readonly cache: string;
  readonly host: pulumi.Output<string>;
  readonly port: pulumi.Output<number>;
  readonly clusterMode: boolean;
  readonly username: string;
  /** Secret. */
  readonly password: pulumi.Output<string>;
  readonly keyPrefix: string;
  /** The user's resource. */
  readonly user: pulumi.Resource;
  /** What the tenant's role needs to get a token; undefined with passwords. */
  readonly connectPolicy: pulumi.Output<PolicyDocument> | undefined;
  /** The provider's server that deletes the tenant's keys; undefined without an administrator. */
  readonly nativeServer: string | undefined;
}

type User = Pick<CacheLogin, "username" | "password" | "keyPrefix" | "user" | "connectPolicy">;

/** A server of the platform whose users a cloud keeps. */
export interface CacheBaseline {
  /** @throws PlatformError for a tenant that does not lie on the server */
  login(tenant: CacheTenant): CacheLogin;
}

export interface Endpoint {
  readonly host: pulumi.Output<string>;
  readonly port: pulumi.Output<number>;
}

/**
 * https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateUser.html and
 * https://docs.aws.amazon.com/memorydb/latest/APIReference/API_CreateUser.html
 */
const maxUserName = 40;

/** Names, rule and password of a tenant's user. The same derivation as for servers that the provider works on. */
export function userOf(settings: CacheSettings, tenant: RedisTenant, secret: pulumi.Output<string>) {
  const cluster = isClustered(settings);
  const { username, keyPrefix } = redisNames(tenant.prefix, tenant.id, { cluster });
  const id = awsName(tenant.prefix, tenant.id, maxUserName);
  const iam = settings.authentication === "iam";
  const password = iam ? pulumi.secret("") : passwordOutput(secret, tenant.id, "redis", tenant.rotation);
  const open = tenant.state === "active";
  return {
    id,
    // With IAM the name has to be the id, and MemoryDB knows no id beside the name.
    username: iam || settings.kind === "memorydb" ? id : username,
    keyPrefix,
    accessString: accessString({ keyPrefix, open, engine: engineOf(cluster) }),
    password,
    authenticationMode: iam ? { type: "iam" } : { type: "password", passwords: [password] },
  };
}

export class Logins {
  readonly #server: string;
  readonly #settings: CacheSettings;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #users = new Map<string, User>();

  constructor(server: string, settings: CacheSettings) {
    this.#server = server;
    this.#settings = settings;
  }

  addUser(tenant: string, user: User): void {
    this.#users.set(tenant, user);
  }

  addCache(name: string, endpoint: Endpoint): void {
    this.#endpoints.set(name, endpoint);
  }

  of(tenant: CacheTenant): CacheLogin {
    const user = this.#users.get(tenant.id);
    const cache = cacheOf(tenant, this.#settings);
    const endpoint = this.#endpoints.get(cache);
    if (user === undefined || endpoint === undefined) {
      throw new PlatformError(
        `tenant ${tenant.id}: Redis server ${this.#server} has no user of it. Give its baseline all tenants that lie on it.`,
      );
    }
    const nativeServer = this.#settings.administrator === undefined ? undefined : nativeCacheName(this.#server, cache);
    return { cache, ...endpoint, clusterMode: isClustered(this.#settings), nativeServer, ...user };
  }
}
