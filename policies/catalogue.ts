/** All rules of the pack, by subject. A rule is in the pack when it stands here. */
import type { Rule } from "./rule.ts";
import accessPointsCapacity from "./rules/tenancy-access-points-capacity.ts";
import aclUserName from "./rules/tenancy-acl-user-name.ts";
import awsInRegion from "./rules/tenancy-aws-in-region.ts";
import awsProviderUsesTls from "./rules/tenancy-aws-provider-uses-tls.ts";
import bucketEncryptedWithKms from "./rules/tenancy-bucket-encrypted-with-kms.ts";
import bucketHasPolicy from "./rules/tenancy-bucket-has-policy.ts";
import bucketNotPublic from "./rules/tenancy-bucket-not-public.ts";
import bucketPolicyNoWildcardPrincipal from "./rules/tenancy-bucket-policy-no-wildcard-principal.ts";
import bucketPolicyTlsOnly from "./rules/tenancy-bucket-policy-tls-only.ts";
import bucketVersioned from "./rules/tenancy-bucket-versioned.ts";
import cacheUserGroupCapacity from "./rules/tenancy-cache-user-group-capacity.ts";
import cacheUserOwnKeys from "./rules/tenancy-cache-user-own-keys.ts";
import cnpgBackup from "./rules/tenancy-cnpg-backup.ts";
import cnpgBackupRetention from "./rules/tenancy-cnpg-backup-retention.ts";
import cnpgNoSuperuser from "./rules/tenancy-cnpg-no-superuser.ts";
import cnpgObjectstoreUsesTls from "./rules/tenancy-cnpg-objectstore-uses-tls.ts";
import cnpgTlsOnly from "./rules/tenancy-cnpg-tls-only.ts";
import credentialAge from "./rules/tenancy-credential-age.ts";
import dataProtected from "./rules/tenancy-data-protected.ts";
import deletionWindow from "./rules/tenancy-deletion-window.ts";
import elasticacheEncrypted from "./rules/tenancy-elasticache-encrypted.ts";
import elasticacheTransitEncryption from "./rules/tenancy-elasticache-transit-encryption.ts";
import elasticacheUserNoWildcard from "./rules/tenancy-elasticache-user-no-wildcard.ts";
import elasticacheUsersCapacity from "./rules/tenancy-elasticache-users-capacity.ts";
import grantNotPublic from "./rules/tenancy-grant-not-public.ts";
import grantRoleNoAdministrator from "./rules/tenancy-grant-role-no-administrator.ts";
import iamPolicyEndsAtTenant from "./rules/tenancy-iam-policy-ends-at-tenant.ts";
import iamRolesCapacity from "./rules/tenancy-iam-roles-capacity.ts";
import iamTrustNamesPrincipals from "./rules/tenancy-iam-trust-names-principals.ts";
import iamUsersCapacity from "./rules/tenancy-iam-users-capacity.ts";
import kmsKeyRotates from "./rules/tenancy-kms-key-rotates.ts";
import kubernetesProviderVerifiesServer from "./rules/tenancy-kubernetes-provider-verifies-server.ts";
import memoryStoreBackup from "./rules/tenancy-memory-store-backup.ts";
import memoryStoreOwnKey from "./rules/tenancy-memory-store-own-key.ts";
import memorydbTls from "./rules/tenancy-memorydb-tls.ts";
import memorydbUserNoWildcard from "./rules/tenancy-memorydb-user-no-wildcard.ts";
import memorydbUsersCapacity from "./rules/tenancy-memorydb-users-capacity.ts";
import namespaceDefaultDeny from "./rules/tenancy-namespace-default-deny.ts";
import namespaceName from "./rules/tenancy-namespace-name.ts";
import namespacePodSecurity from "./rules/tenancy-namespace-pod-security.ts";
import namespaceQuota from "./rules/tenancy-namespace-quota.ts";
import namespacesCapacity from "./rules/tenancy-namespaces-capacity.ts";
import neo4jCommunityNotShared from "./rules/tenancy-neo4j-community-not-shared.ts";
import neo4jDatabaseName from "./rules/tenancy-neo4j-database-name.ts";
import neo4jDatabasesCapacity from "./rules/tenancy-neo4j-databases-capacity.ts";
import networkpolicyNoWildcard from "./rules/tenancy-networkpolicy-no-wildcard.ts";
import platformEndpointsUseTls from "./rules/tenancy-platform-endpoints-use-tls.ts";
import poolTenantNames from "./rules/tenancy-pool-tenant-names.ts";
import postgresConnectionsCapacity from "./rules/tenancy-postgres-connections-capacity.ts";
import postgresDatabaseName from "./rules/tenancy-postgres-database-name.ts";
import postgresLocksCapacity from "./rules/tenancy-postgres-locks-capacity.ts";
import postgresRelationsCapacity from "./rules/tenancy-postgres-relations-capacity.ts";
import postgresqlProviderVerifiesServer from "./rules/tenancy-postgresql-provider-verifies-server.ts";
import prefixName from "./rules/tenancy-prefix-name.ts";
import randomSecretStrength from "./rules/tenancy-random-secret-strength.ts";
import rbacNoWildcard from "./rules/tenancy-rbac-no-wildcard.ts";
import rdsBackupRetention from "./rules/tenancy-rds-backup-retention.ts";
import rdsDeletionProtection from "./rules/tenancy-rds-deletion-protection.ts";
import rdsEncrypted from "./rules/tenancy-rds-encrypted.ts";
import rdsForcesTls from "./rules/tenancy-rds-forces-tls.ts";
import rdsInstancesCapacity from "./rules/tenancy-rds-instances-capacity.ts";
import rdsMultiAz from "./rules/tenancy-rds-multi-az.ts";
import rdsNotPublic from "./rules/tenancy-rds-not-public.ts";
import rdsProxySecretsCapacity from "./rules/tenancy-rds-proxy-secrets-capacity.ts";
import redisMemoryCapacity from "./rules/tenancy-redis-memory-capacity.ts";
import roleAttributes from "./rules/tenancy-role-attributes.ts";
import rosterMaxDeletes from "./rules/tenancy-roster-max-deletes.ts";
import schemaName from "./rules/tenancy-schema-name.ts";
import secretOwnKey from "./rules/tenancy-secret-own-key.ts";
import securityGroupNotOpen from "./rules/tenancy-security-group-not-open.ts";
import serverInRegion from "./rules/tenancy-server-in-region.ts";
import serverTenantsCapacity from "./rules/tenancy-server-tenants-capacity.ts";
import serviceNotPublic from "./rules/tenancy-service-not-public.ts";
import stackTenantsCapacity from "./rules/tenancy-stack-tenants-capacity.ts";
import stackTenantsInRoster from "./rules/tenancy-stack-tenants-in-roster.ts";
import stackTenantsShareNothing from "./rules/tenancy-stack-tenants-share-nothing.ts";
import storageClassEncrypts from "./rules/tenancy-storage-class-encrypts.ts";
import tenantNoBackupWaiver from "./rules/tenancy-tenant-no-backup-waiver.ts";
import tenantOwnKey from "./rules/tenancy-tenant-own-key.ts";
import tierAllowed from "./rules/tenancy-tier-allowed.ts";
import volumeStorageClass from "./rules/tenancy-volume-storage-class.ts";

export const rules: readonly Rule[] = [
  awsProviderUsesTls,
  bucketHasPolicy,
  bucketPolicyTlsOnly,
  cnpgObjectstoreUsesTls,
  cnpgTlsOnly,
  elasticacheTransitEncryption,
  kubernetesProviderVerifiesServer,
  memorydbTls,
  platformEndpointsUseTls,
  postgresqlProviderVerifiesServer,
  rdsForcesTls,
  bucketEncryptedWithKms,
  elasticacheEncrypted,
  kmsKeyRotates,
  memoryStoreOwnKey,
  randomSecretStrength,
  rdsEncrypted,
  secretOwnKey,
  storageClassEncrypts,
  tenantOwnKey,
  volumeStorageClass,
  aclUserName,
  bucketNotPublic,
  bucketPolicyNoWildcardPrincipal,
  cacheUserOwnKeys,
  cnpgNoSuperuser,
  elasticacheUserNoWildcard,
  grantNotPublic,
  grantRoleNoAdministrator,
  iamPolicyEndsAtTenant,
  iamTrustNamesPrincipals,
  memorydbUserNoWildcard,
  namespaceDefaultDeny,
  namespaceName,
  namespacePodSecurity,
  namespaceQuota,
  neo4jCommunityNotShared,
  neo4jDatabaseName,
  networkpolicyNoWildcard,
  poolTenantNames,
  postgresDatabaseName,
  prefixName,
  rbacNoWildcard,
  rdsNotPublic,
  roleAttributes,
  schemaName,
  securityGroupNotOpen,
  serviceNotPublic,
  stackTenantsShareNothing,
  tierAllowed,
  bucketVersioned,
  cnpgBackup,
  cnpgBackupRetention,
  credentialAge,
  dataProtected,
  deletionWindow,
  memoryStoreBackup,
  rdsBackupRetention,
  rdsDeletionProtection,
  rdsMultiAz,
  rosterMaxDeletes,
  stackTenantsInRoster,
  tenantNoBackupWaiver,
  accessPointsCapacity,
  cacheUserGroupCapacity,
  elasticacheUsersCapacity,
  iamRolesCapacity,
  iamUsersCapacity,
  memorydbUsersCapacity,
  namespacesCapacity,
  neo4jDatabasesCapacity,
  postgresConnectionsCapacity,
  postgresLocksCapacity,
  postgresRelationsCapacity,
  rdsInstancesCapacity,
  rdsProxySecretsCapacity,
  redisMemoryCapacity,
  serverTenantsCapacity,
  stackTenantsCapacity,
  awsInRegion,
  serverInRegion,
];
