/** Type tokens of @pulumi/kubernetes, custom resources too. */
export const namespace = "kubernetes:core/v1:Namespace";
export const quota = "kubernetes:core/v1:ResourceQuota";
export const service = "kubernetes:core/v1:Service";
export const networkPolicy = "kubernetes:networking.k8s.io/v1:NetworkPolicy";
export const statefulSet = "kubernetes:apps/v1:StatefulSet";
export const volumeClaim = "kubernetes:core/v1:PersistentVolumeClaim";
export const storageClass = "kubernetes:storage.k8s.io/v1:StorageClass";
export const role = "kubernetes:rbac.authorization.k8s.io/v1:Role";
export const clusterRole = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole";
export const clusterRoleBinding = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding";
export const cnpgCluster = "kubernetes:postgresql.cnpg.io/v1:Cluster";
export const scheduledBackup = "kubernetes:postgresql.cnpg.io/v1:ScheduledBackup";
export const objectStore = "kubernetes:barmancloud.cnpg.io/v1:ObjectStore";
export const certificate = "kubernetes:cert-manager.io/v1:Certificate";
