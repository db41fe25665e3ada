/** What applications use: `tenancy/client`. */
export {
  Resolver,
  TenantUnavailable,
  type Queries,
  type Refusal,
  type ResolverOptions,
  type Route,
  type SecretReference,
} from "./resolve.ts";
export { TenantError, type TenantFault } from "./tenant-error.ts";
export { Tenants, type TenantsOptions } from "./tenants.ts";
export { TokenRefused, type TokenOptions, VerifiedToken, verifyTenantToken } from "./token.ts";
export { type IsolationLevel, type VectorSettings } from "./transaction-sql.ts";
export { type TenantTransaction, withTenant, type WithTenantOptions } from "./with-tenant.ts";
