/** What the package offers to other Pulumi programs. */
export { type PlatformConfig, parsePlatform, PlatformError, readPlatform } from "./platform.ts";
export { rosterEntries } from "./roster-entries.ts";
export { derivePassword, passwordOutput } from "./secrets.ts";
export { Tenant, type TenantArguments, type TenantConnections, type TenantOptions } from "./tenant.ts";
export type { TenantArgs, TenantLoginArgs } from "./tenant-args.ts";
export { TenantBucketPrefix, type TenantBucketPrefixArgs } from "./tenant-bucket-prefix.ts";
export {
  type SiloConnection,
  type SiloEngine,
  type SiloMade,
  type SiloRequest,
  siloDatabase,
  TenantDatabaseSilo,
  type TenantDatabaseSiloArgs,
} from "./tenant-database-silo.ts";
export { TenantNeo4jDb, type TenantNeo4jDbArgs } from "./tenant-neo4j-db.ts";
export { TenantPool, type TenantPoolArgs } from "./tenant-pool.ts";
export { makePools, type PoolsOptions } from "./pools.ts";
export { ringByRing } from "./rings.ts";
export { TenantRedisAcl, type TenantRedisAclArgs } from "./tenant-redis-acl.ts";
export { TenantSchema, type TenantSchemaArgs } from "./tenant-schema.ts";
export { TenantSources } from "./tenant-sources.ts";
export { type Clouds, type CloudsArgs, loadClouds } from "./clouds.ts";
export { Baseline, CredentialsFile, Pool, Ring, Roster, Routes, TenancyProvider } from "../provider/resources.ts";
export { loadRegistry, type PoolRecord, type Registry, RegistryError, type TenantRecord } from "../tenants/load.ts";
