/**
 * Inputs and outputs of the provider's resources: plain data that components write and handlers read.
 * Secrets are top-level strings, so that the engine can mark an output by the name of its input.
 */

/** Life of a tenant. `suspended` and `offboarding` close its logins and keep its data. */
export const tenantStates = ["active", "suspended", "offboarding"] as const;
export type TenantState = (typeof tenantStates)[number];

export const storeNames = ["postgres", "redis", "storage", "neo4j"] as const;
export type StoreName = (typeof storeNames)[number];

/** Stands in for a verified backup when a tenant's data is deleted; kept in the catalogue. */
export interface BackupWaiver {
  /** Why no backup is needed. */
  readonly reason: string;
  /** Who says so. */
  readonly name: string;
}

/** What each resource of a tenant carries. */
export interface TenantInputs {
  /** Name of the platform's server that the store lies on. **Replaces.** */
  readonly server: string;
  /** The tenant's id in the registry. **Replaces.** */
  readonly tenant: string;
  readonly state: TenantState;
  readonly backupWaiver?: BackupWaiver;
}

/** Says which resource of which run made an object; see docs/decisions/adoption.md. */
export interface MarkOutputs {
  /** URN that the live object is marked with. */
  readonly markUrn: string;
  /** Random token of this instance, also in the live object's mark. */
  readonly instanceToken: string;
}

export interface RosterEntry {
  readonly displayName: string;
  readonly externalId: string;
  readonly tier: string;
  readonly state: TenantState;
  readonly region: string;
  /** Naming prefix of the tenant's profile. */
  readonly prefix: string;
  /** Server of each store that the tenant has. */
  readonly placement: Readonly<Partial<Record<StoreName, string>>>;
  readonly backupWaiver?: BackupWaiver;
  /**
   * What a server of the tenant's own is made with, by name in the registry: a change would make another one. Of a tenant
   * in a pool `postgres.pool` and `tenant_id`, by which its rows are found.
   */
  readonly fixed?: Readonly<Record<string, string>>;
  /** Sizes in GiB, by name in the registry: they grow and never shrink. */
  readonly sizes?: Readonly<Record<string, number>>;
}

export interface RosterInputs {
  /** PostgreSQL server whose `platform` schema holds the catalogue of tenants. */
  readonly catalogue: string;
  /** How many tenants may leave in one update. */
  readonly maxDeletes: number;
  readonly tenants: Readonly<Record<string, RosterEntry>>;
}
export interface RosterOutputs extends RosterInputs {
  /** Since when each tenant is in its state (ISO 8601, UTC). */
  readonly since: Readonly<Record<string, string>>;
}

/** A tenant's place in PostgreSQL, as applications find it. No secret is in it. */
export interface TenantRoute {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly schema: string;
  /** Login of the application. */
  readonly user: string;
  readonly pooler?: { readonly host: string; readonly port: number };
  /** Where the credentials lie, as in `file:/srv/credentials/acme.json`. */
  readonly secret?: string;
  /** Only of a tenant in a pool: what its rows carry as `tenant_id`. */
  readonly tenantId?: string;
}

export interface RoutesInputs {
  /** PostgreSQL server whose `platform` schema holds the catalogue of tenants. **Replaces.** */
  readonly catalogue: string;
  /** Of every tenant with a place in PostgreSQL, by id. */
  readonly routes: Readonly<Record<string, TenantRoute>>;
}

export interface BaselineInputs {
  /** Name of the platform's PostgreSQL server. */
  readonly server: string;
  /** Extensions made in the schema `extensions`; refused where the server does not offer one. */
  readonly extensions: readonly string[];
  /**
   * Whether tenants get databases of their own on this server: the provisioner needs CREATEDB for it.
   * @default false
   */
  readonly databases?: boolean;
  /** Secret: the configured password of the provisioner, so that another one is a change that reaches the server. */
  readonly provisionerPassword: string;
  /** Secret: the same of the login that applications resolve tenants with, where one is configured. */
  readonly resolverPassword?: string;
  /** Secret: the same of the trusted login that works for many tenants, where one is configured. */
  readonly applicationPassword?: string;
}
export interface BaselineOutputs extends BaselineInputs {
  readonly serverVersion: string;
  /** Version of each extension that is there. */
  readonly extensionVersions: Readonly<Record<string, string>>;
}

/** A file of SQL by name and SHA-256 (hex); the text stays out of the state. */
export interface SqlFile {
  readonly name: string;
  readonly sha256: string;
}

export type TemplateVariables = Readonly<Record<string, string | number | boolean>>;

export interface CredentialsFileInputs {
  /** The tenant's id in the registry. **Replaces.** */
  readonly tenant: string;
  /** Absolute path of the folder. **Replaces.** */
  readonly folder: string;
  /** Secret: JSON of what the tenant's application needs to connect. */
  readonly credentials: string;
}
export interface CredentialsFileOutputs extends CredentialsFileInputs, MarkOutputs {
  /** Absolute path of the file. */
  readonly path: string;
}

/** Whose rows a new schema begins with. */
export interface CopySource {
  /** The source's id in the registry. */
  readonly tenant: string;
  readonly schema: string;
  readonly ownerRole: string;
}

export interface SchemaInputs extends TenantInputs {
  readonly externalId: string;
  /** Physical name of the schema. **Replaces.** */
  readonly schema: string;
  /** NOLOGIN role that owns the schema. **Replaces.** */
  readonly ownerRole: string;
  /** LOGIN role of the tenant's application: reads and writes rows. **Replaces.** */
  readonly appRole: string;
  /** LOGIN role that reads rows. **Replaces.** */
  readonly readOnlyRole: string;
  /** Connections that the application's login may hold at once. */
  readonly connectionLimit: number;
  readonly readOnlyConnectionLimit: number;
  /** Name of the template; fixed once applied. */
  readonly template: string;
  /** Values of the template's variables; fixed once applied. */
  readonly variables: TemplateVariables;
  /** The template's files in order. A further file is applied in place; an edited one is refused. */
  readonly templateFiles: readonly SqlFile[];
  /** The tenant's own files (paths from the registry's folder), applied after the template's. */
  readonly additionalFiles: readonly SqlFile[];
  /** Folder that `additionalFiles` are relative to. */
  readonly additionalRoot: string;
  /** A tenant in the same database whose rows a new schema is filled with. Read when the schema is made, never again. */
  readonly copyOf?: CopySource;
  /** Secret. */
  readonly password: string;
  /** Secret. */
  readonly readOnlyPassword: string;
}
export interface SchemaOutputs extends SchemaInputs, MarkOutputs {}

/** What tenants of a pool share: a schema whose tables hold the rows of all of them, each under its `tenant_id`. */
export interface PoolInputs {
  /** Name of the platform's server. **Replaces.** */
  readonly server: string;
  /** Name of the pool in the registry. **Replaces.** */
  readonly pool: string;
  /** Physical name of the schema. **Replaces.** */
  readonly schema: string;
  /** NOLOGIN role that owns the schema. **Replaces.** */
  readonly ownerRole: string;
  /** NOLOGIN role whose members read and write rows of their tenant. **Replaces.** */
  readonly appRole: string;
  /** NOLOGIN role whose members read rows of their tenant. **Replaces.** */
  readonly readOnlyRole: string;
  /** Name of the template; fixed once applied. */
  readonly template: string;
  /** Values of the template's variables; fixed once applied. */
  readonly variables: TemplateVariables;
  /** The template's files in order. A further file is applied in place; an edited one is refused. */
  readonly templateFiles: readonly SqlFile[];
  /** Hash partitions of the tables that the template partitions; 0: none. Fixed once applied. */
  readonly partitions: number;
}
export interface PoolOutputs extends PoolInputs, MarkOutputs {}

/** A tenant's membership of a pool: its two logins, and the right to the rows with its `tenant_id`. */
export interface PoolTenantInputs extends TenantInputs {
  readonly externalId: string;
  /** Name for people, which a template's seed may write into a row. */
  readonly displayName: string;
  /** Name of the pool in the registry. **Replaces.** */
  readonly pool: string;
  /** Physical name of the pool's schema. **Replaces.** */
  readonly schema: string;
  /** The pool's roles. **Replaces.** */
  readonly ownerRole: string;
  readonly poolAppRole: string;
  readonly poolReadOnlyRole: string;
  /** What the tenant's rows carry: a uuid in lower case. **Replaces.** */
  readonly tenantId: string;
  /** LOGIN role of the tenant's application, bound to its tenant by `session_user`. **Replaces.** */
  readonly appRole: string;
  /** LOGIN role that reads. **Replaces.** */
  readonly readOnlyRole: string;
  readonly connectionLimit: number;
  readonly readOnlyConnectionLimit: number;
  /** The pool's template and its variables, for the seed. */
  readonly template: string;
  readonly variables: TemplateVariables;
  /** Secret. */
  readonly password: string;
  /** Secret. */
  readonly readOnlyPassword: string;
}
export interface PoolTenantOutputs extends PoolTenantInputs, MarkOutputs {}

/** Order in which tenants are brought forward: a ring waits until every tenant of the one before is done. */
export const rings = ["canary", "early", "all"] as const;
export type Ring = (typeof rings)[number];

/** The end of a ring: what depends on it waits for every tenant that it depends on. */
export interface RingInputs {
  readonly ring: Ring;
}

/** A PostgreSQL server that the platform's configuration does not have, as Amazon RDS makes it in the same update. */
export interface PostgresConnection {
  readonly host: string;
  readonly port: number;
  /** The provisioner: a login with CREATEROLE and CREATEDB that is no superuser. */
  readonly user: string;
  /**
   * PEM text of the authority that signed the server's certificate.
   * @default the authorities that Node.js ships
   */
  readonly ca?: string;
  /**
   * A database that is there already and that the provisioner connects to while it makes another.
   * @default "postgres"
   */
  readonly database?: string;
}

export interface DatabaseInputs extends SchemaInputs {
  /** Physical name of the tenant's database. **Replaces.** */
  readonly database: string;
  /** Extensions made in the schema `extensions` of the database. */
  readonly extensions: readonly string[];
  /** The server, where it is none of the platform's: `server` is then a name for messages only. */
  readonly connection?: PostgresConnection;
  /** Secret: password of the provisioner on that server; given with `connection` and only with it. */
  readonly connectionPassword?: string;
  /**
   * Name of the platform's PostgreSQL server whose shared database holds the catalogue of tenants.
   * @default `server`; none beside `connection`
   */
  readonly catalogue?: string;
  /**
   * Id of the tenant from whose backups the server was restored: its database is taken over with all that is inside.
   * Only beside `connection`. **Replaces.**
   */
  readonly recoveredFrom?: string;
}
export interface DatabaseOutputs extends DatabaseInputs, MarkOutputs {}

export interface AclUserInputs extends TenantInputs {
  /** **Replaces.** */
  readonly username: string;
  /** Begin of every key and channel of the tenant, with its closing colon. **Replaces.** */
  readonly keyPrefix: string;
  /** Secret. */
  readonly password: string;
}
export interface AclUserOutputs extends AclUserInputs, MarkOutputs {}

export interface PrefixInputs extends TenantInputs {
  /** Begin of every object's key, with its closing slash. **Replaces.** */
  readonly prefix: string;
  /** Folders kept inside of the prefix. */
  readonly folders: readonly string[];
  /** Name of the tenant's IAM user. **Replaces.** */
  readonly username: string;
  /** Raising it makes a new access key and deletes the old one. */
  readonly rotation: number;
}
export interface PrefixOutputs extends PrefixInputs, MarkOutputs {
  /** Empty on the file system. */
  readonly accessKeyId: string;
  /** Secret; empty on the file system. */
  readonly secretAccessKey: string;
}

export interface Neo4jDatabaseInputs extends TenantInputs {
  /** Name of the database, and of the instance where each tenant has its own. **Replaces.** */
  readonly database: string;
  /** **Replaces.** */
  readonly role: string;
  /** **Replaces.** */
  readonly username: string;
  /** Secret. */
  readonly password: string;
}
export interface Neo4jDatabaseOutputs extends Neo4jDatabaseInputs, MarkOutputs {
  /** `bolt+s://…` or `neo4j+s://…`, without a login. */
  readonly uri: string;
  /** The database that the application uses: `neo4j` on an instance of its own. */
  readonly loginDatabase: string;
  /** Whom the application logs in as: `neo4j` on an instance of its own. */
  readonly loginUser: string;
}
