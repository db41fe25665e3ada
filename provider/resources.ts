/** The provider's resources as a program declares them. Types of inputs and outputs: inputs.ts. */
import * as pulumi from "@pulumi/pulumi";
import type {
  AclUserInputs,
  AclUserOutputs,
  BaselineInputs,
  BaselineOutputs,
  CredentialsFileInputs,
  CredentialsFileOutputs,
  DatabaseInputs,
  DatabaseOutputs,
  PostgresConnection,
  Neo4jDatabaseInputs,
  Neo4jDatabaseOutputs,
  PoolInputs,
  PoolTenantInputs,
  PoolTenantOutputs,
  PrefixInputs,
  PrefixOutputs,
  RingInputs,
  RosterInputs,
  RosterOutputs,
  SchemaInputs,
  SchemaOutputs,
} from "./inputs.ts";

/** Arguments of a resource: a tenant's identity and the server are plain values, the rest may be outputs. */
type Args<I> = { readonly [K in keyof I]: K extends "tenant" | "server" ? I[K] : pulumi.Input<I[K]> };

/**
 * Outputs that a program reads; the SDK fills a declared name in from the provider's answer. Each costs the program
 * about twenty promises: the marks, which no program reads, are not among them.
 */
function declared(args: object, outputs: readonly string[]): pulumi.Inputs {
  return { ...Object.fromEntries(outputs.map((name) => [name, undefined])), ...args };
}

/** The provider that does the work on the platform's servers: one process an update. */
export class TenancyProvider extends pulumi.ProviderResource {
  /**
   * @param args.config - JSON of `ProviderConfig` (provider/config.ts), a secret: it holds the servers' administrators.
   */
  constructor(name: string, args: { readonly config: pulumi.Input<string> }, options?: pulumi.ResourceOptions) {
    super("tenancy", name, { config: pulumi.secret(args.config) }, options);
  }
}

/** The brake: knows all tenants, and refuses at preview what would lose one by mistake. */
export class Roster extends pulumi.CustomResource {
  declare readonly since: pulumi.Output<RosterOutputs["since"]>;

  constructor(name: string, args: Args<RosterInputs>, options?: pulumi.CustomResourceOptions) {
    super("tenancy:index:Roster", name, declared(args, ["since"]), options);
  }
}

/** Where each tenant's data is, for applications that resolve it: written after all of it is made. */
export class Routes extends pulumi.CustomResource {
  constructor(
    name: string,
    /** @param args.routes - a `TenantRoute` for each id */
    args: { readonly catalogue: string; readonly routes: Readonly<Record<string, pulumi.Inputs>> },
    options?: pulumi.CustomResourceOptions,
  ) {
    super("tenancy:index:Routes", name, args, options);
  }
}

/** Hardening of a shared database, its extensions, and the catalogue of tenants. */
export class Baseline extends pulumi.CustomResource {
  declare readonly serverVersion: pulumi.Output<BaselineOutputs["serverVersion"]>;
  declare readonly extensionVersions: pulumi.Output<BaselineOutputs["extensionVersions"]>;

  constructor(name: string, args: Args<BaselineInputs>, options?: pulumi.CustomResourceOptions) {
    super("tenancy:postgres:Baseline", name, declared(args, ["serverVersion", "extensionVersions"]), options);
  }
}

/** A tenant's schema, roles, grants and tables in a shared PostgreSQL database. */
export class Schema extends pulumi.CustomResource {
  declare readonly schema: pulumi.Output<SchemaOutputs["schema"]>;
  declare readonly appRole: pulumi.Output<SchemaOutputs["appRole"]>;
  declare readonly password: pulumi.Output<SchemaOutputs["password"]>;
  declare readonly readOnlyRole: pulumi.Output<SchemaOutputs["readOnlyRole"]>;
  declare readonly readOnlyPassword: pulumi.Output<SchemaOutputs["readOnlyPassword"]>;

  constructor(name: string, args: Args<SchemaInputs>, options?: pulumi.CustomResourceOptions) {
    super("tenancy:postgres:Schema", name, args, options);
  }
}

/** What the tenants of a pool share: its schema, group roles, tables under row-level security and their audit. */
export class Pool extends pulumi.CustomResource {
  constructor(name: string, args: Args<PoolInputs>, options?: pulumi.CustomResourceOptions) {
    super("tenancy:postgres:Pool", name, args, options);
  }
}

/** A tenant's place in a pool: two logins that see its rows only. */
export class PoolTenant extends pulumi.CustomResource {
  declare readonly appRole: pulumi.Output<PoolTenantOutputs["appRole"]>;
  declare readonly password: pulumi.Output<PoolTenantOutputs["password"]>;
  declare readonly readOnlyRole: pulumi.Output<PoolTenantOutputs["readOnlyRole"]>;
  declare readonly readOnlyPassword: pulumi.Output<PoolTenantOutputs["readOnlyPassword"]>;

  constructor(name: string, args: Args<PoolTenantInputs>, options?: pulumi.CustomResourceOptions) {
    super("tenancy:postgres:PoolTenant", name, args, options);
  }
}

/** The end of a ring: tenants of the next one wait for it. */
export class Ring extends pulumi.CustomResource {
  constructor(name: string, args: RingInputs, options?: pulumi.CustomResourceOptions) {
    super("tenancy:index:Ring", name, { ...args }, options);
  }
}

/** A tenant's credentials in a file that only its owner can read. */
export class CredentialsFile extends pulumi.CustomResource {
  declare readonly path: pulumi.Output<CredentialsFileOutputs["path"]>;

  constructor(name: string, args: Args<CredentialsFileInputs>, options?: pulumi.CustomResourceOptions) {
    super("tenancy:delivery:CredentialsFile", name, declared(args, ["path"]), options);
  }
}

/** A server's address is known after the server was made: each field of it may be an output. */
type DatabaseArgs = Omit<Args<DatabaseInputs>, "connection"> & {
  readonly connection?: pulumi.Input<{ readonly [K in keyof PostgresConnection]: pulumi.Input<PostgresConnection[K]> }>;
};

/** A tenant's own PostgreSQL database, with its roles, hardening, schema and tables. */
export class Database extends pulumi.CustomResource {
  declare readonly database: pulumi.Output<DatabaseOutputs["database"]>;
  declare readonly schema: pulumi.Output<DatabaseOutputs["schema"]>;
  declare readonly appRole: pulumi.Output<DatabaseOutputs["appRole"]>;
  declare readonly password: pulumi.Output<DatabaseOutputs["password"]>;
  declare readonly readOnlyRole: pulumi.Output<DatabaseOutputs["readOnlyRole"]>;
  declare readonly readOnlyPassword: pulumi.Output<DatabaseOutputs["readOnlyPassword"]>;

  constructor(name: string, args: DatabaseArgs, options?: pulumi.CustomResourceOptions) {
    super("tenancy:postgres:Database", name, args, options);
  }
}

/** A tenant's ACL user in Redis or Valkey, limited to the keys and channels under its prefix. */
export class AclUser extends pulumi.CustomResource {
  declare readonly username: pulumi.Output<AclUserOutputs["username"]>;
  declare readonly password: pulumi.Output<AclUserOutputs["password"]>;
  declare readonly keyPrefix: pulumi.Output<AclUserOutputs["keyPrefix"]>;

  constructor(name: string, args: Args<AclUserInputs>, options?: pulumi.CustomResourceOptions) {
    super("tenancy:redis:AclUser", name, args, options);
  }
}

/** A tenant's prefix in a bucket, or its tree in a file system, and the only credentials that reach it. */
export class Prefix extends pulumi.CustomResource {
  declare readonly prefix: pulumi.Output<PrefixOutputs["prefix"]>;
  declare readonly accessKeyId: pulumi.Output<PrefixOutputs["accessKeyId"]>;
  declare readonly secretAccessKey: pulumi.Output<PrefixOutputs["secretAccessKey"]>;

  constructor(name: string, args: Args<PrefixInputs>, options?: pulumi.CustomResourceOptions) {
    super(
      "tenancy:storage:Prefix",
      name,
      declared(args, ["accessKeyId", "secretAccessKey"]),
      pulumi.mergeOptions(options, { additionalSecretOutputs: ["secretAccessKey"] }),
    );
  }
}

/** A tenant's database in Neo4j, and the only login that reaches it; on Community an instance of its own. */
export class Neo4jDatabase extends pulumi.CustomResource {
  declare readonly database: pulumi.Output<Neo4jDatabaseOutputs["database"]>;
  declare readonly password: pulumi.Output<Neo4jDatabaseOutputs["password"]>;
  declare readonly uri: pulumi.Output<Neo4jDatabaseOutputs["uri"]>;
  declare readonly loginDatabase: pulumi.Output<Neo4jDatabaseOutputs["loginDatabase"]>;
  declare readonly loginUser: pulumi.Output<Neo4jDatabaseOutputs["loginUser"]>;

  constructor(name: string, args: Args<Neo4jDatabaseInputs>, options?: pulumi.CustomResourceOptions) {
    super("tenancy:neo4j:Database", name, declared(args, ["uri", "loginDatabase", "loginUser"]), options);
  }
}
