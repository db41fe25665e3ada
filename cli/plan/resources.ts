/** What an update would do to resources, from the registrations of the same program over both registries. */
import { isDeepStrictEqual } from "node:util";
import type { Resource } from "../../policies/rule.ts";
import { at, type Value } from "../../policies/values.ts";
import { createHandlers } from "../../provider/handlers.ts";

export type ResourceStep = "create" | "update" | "replace" | "delete";
export const resourceSteps: readonly ResourceStep[] = ["create", "update", "replace", "delete"];

export interface ResourceChange {
  readonly step: ResourceStep;
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  /** Inputs that differ, never their values: they may be secret. */
  readonly changed: readonly string[];
  /** It was protected from deletion, and is no longer. */
  readonly unprotected: boolean;
}

export type ResourceCounts = Readonly<Record<ResourceStep, number>>;

/** Inputs whose change makes a new object on AWS, of types in which data or names lie that others depend on. */
const replacing: Readonly<Record<string, readonly string[]>> = {
  "aws:rds/instance:Instance": ["identifier", "engine", "username", "dbName", "storageEncrypted", "kmsKeyId"],
  "aws:rds/cluster:Cluster": ["clusterIdentifier", "engine", "databaseName", "storageEncrypted", "kmsKeyId"],
  "aws:s3/bucket:Bucket": ["bucket", "bucketPrefix"],
  "aws:kms/key:Key": ["customerMasterKeySpec", "keyUsage", "multiRegion"],
  "aws:iam/role:Role": ["name", "namePrefix", "path"],
  "aws:elasticache/user:User": ["userId", "engine", "userName"],
  "aws:memorydb/user:User": ["userName"],
  "aws:secretsmanager/secret:Secret": ["name", "namePrefix"],
  "aws:s3/accessPoint:AccessPoint": ["name", "bucket", "accountId"],
};

/** Parts of a Kubernetes object that the API server lets nobody change. */
const fixedParts: Readonly<Record<string, readonly string[]>> = {
  "kubernetes:apps/v1:StatefulSet": ["spec.serviceName", "spec.selector", "spec.volumeClaimTemplates"],
  "kubernetes:core/v1:PersistentVolumeClaim": ["spec.storageClassName", "spec.accessModes"],
};

const native = new Map(
  [
    ...createHandlers({
      platform: { postgres: {}, redis: {}, neo4j: {}, storage: {} },
      templates: "/",
      projectDir: "/",
    }),
  ].map(([type, { replaceOn }]) => [type, replaceOn]),
);

/** Components have no object of their own, and the stack is always there. */
function isBare(type: string): boolean {
  return type === "pulumi:pulumi:Stack" || (type.startsWith("tenancy:index:") && !native.has(type));
}

/** In the order of the branch's registrations; what goes comes last. */
export function resourceChanges(before: readonly Resource[], after: readonly Resource[]): ResourceChange[] {
  const olds = new Map(before.map((resource) => [resource.urn, resource]));
  const news = new Set(after.map(({ urn }) => urn));
  const changes = after.flatMap((resource): ResourceChange[] => {
    if (isBare(resource.type)) return [];
    const old = olds.get(resource.urn);
    if (old === undefined) return [change("create", resource, [], false)];
    const changed = changedInputs(old.props, resource.props);
    const unprotected = old.protect && !resource.protect;
    if (changed.length === 0 && !unprotected) return [];
    return [change(replaces(old, resource, changed) ? "replace" : "update", resource, changed, unprotected)];
  });
  const gone = before.filter(({ urn, type }) => !news.has(urn) && !isBare(type));
  return [...changes, ...gone.map((resource) => change("delete", resource, [], false))];
}

function change(
  step: ResourceStep,
  { type, name, urn }: Resource,
  changed: readonly string[],
  unprotected: boolean,
): ResourceChange {
  return { step, type, name, urn, changed, unprotected };
}

/** A value that is unknown on both sides is the same: it comes from the same place. */
function changedInputs(before: Resource["props"], after: Resource["props"]): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => !isDeepStrictEqual(plain(before[name]), plain(after[name]))).sort();
}

function plain(value: Value | undefined): unknown {
  return value === null ? undefined : value;
}

function replaces(before: Resource, after: Resource, changed: readonly string[]): boolean {
  const { type } = after;
  // Another length or alphabet is another secret, and every password follows from it.
  if (type.startsWith("random:")) return changed.length > 0;
  if (type.startsWith("kubernetes:")) {
    const paths = ["metadata.name", "metadata.namespace", ...(fixedParts[type] ?? [])].map((path) => path.split("."));
    return paths.some((path) => !isDeepStrictEqual(at(before.props, ...path), at(after.props, ...path)));
  }
  const inputs = native.get(type) ?? replacing[type] ?? [];
  return changed.some((name) => inputs.includes(name));
}

/** Whether only the type's own provider can say how a change is made. */
export function isGuess({ step, type }: ResourceChange): boolean {
  return step === "update" && type.startsWith("aws:") && replacing[type] === undefined;
}

export function counts(changes: readonly ResourceChange[]): ResourceCounts {
  const of = (step: ResourceStep): number => changes.filter((one) => one.step === step).length;
  return { create: of("create"), update: of("update"), replace: of("replace"), delete: of("delete") };
}
