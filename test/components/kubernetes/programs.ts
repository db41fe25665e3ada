/** Programs of the components' tests, and what they look for in them. */
import * as pulumi from "@pulumi/pulumi";
import { CloudNativePgSilo, type CloudNativePgSiloArgs } from "../../../components/kubernetes/cloudnativepg.ts";
import { Neo4jInstance, type Neo4jInstanceArgs } from "../../../components/kubernetes/neo4j-instance.ts";
import { kubernetesProvider } from "../../../components/kubernetes/provider.ts";
import { TenantNamespace, type TenantNamespaceArgs } from "../../../components/kubernetes/tenant-namespace.ts";
import { derivePassword } from "../../../components/secrets.ts";
import { registrations, type Registration } from "../../support/kubernetes/registrations.ts";
import { certificates, files, graph, identity, platform, settingsOf, type Variant } from "./fixture.ts";

const secretText = "s".repeat(64);
export const derived = (purpose: string, rotation = 0): string =>
  derivePassword(secretText, "org-123", purpose, rotation);

export function siloProgram(variant: Variant = {}, over: Partial<CloudNativePgSiloArgs> = {}, preview = false) {
  const settings = settingsOf(variant);
  const state = variant.state ?? "active";
  return registrations(
    () => {
      const provider = kubernetesProvider("east", settings.platform);
      const namespace = new TenantNamespace("org-123", { ...identity, ...settings, state }, { provider });
      const args = { ...identity, ...settings, server: "east", state, namespace, extensions: ["vector"], files };
      return new CloudNativePgSilo("org-123", { ...args, secret: pulumi.secret(secretText), ...over }, { provider });
    },
    { preview },
  );
}

export function graphProgram(over: Partial<Neo4jInstanceArgs> = {}, namespaceOver: Partial<TenantNamespaceArgs> = {}) {
  return registrations(() => {
    const on = { ...platform, certificates };
    const provider = kubernetesProvider("east", on);
    const shared = { ...identity, state: over.state ?? "active", platform: on } as const;
    const namespace = new TenantNamespace("org-123", { ...shared, ...namespaceOver }, { provider });
    const args = { ...shared, server: "east", namespace, graph, secret: pulumi.secret(secretText) };
    return new Neo4jInstance("org-123", { ...args, ...over }, { provider });
  });
}

export const find = (registered: readonly Registration[], name: string): Registration => {
  const found = registered.find((one) => one.name === name);
  if (found === undefined) throw new Error(`${name} is not among ${registered.map((one) => one.name).join(", ")}`);
  return found;
};
/** Types and names, sorted: the order of registrations is not certain. */
export const listed = (registered: readonly Registration[]): string[] =>
  registered.map(({ type, name }) => `${name} ${type.replace("kubernetes:", "")}`).sort();
/** What a component registers beside its namespace. */
export const without = (registered: readonly Registration[]): Registration[] =>
  registered.filter(({ name, type }) => !namespaceObjects.has(name) && !/TenantNamespace|providers/.test(type));
const namespaceObjects = new Set(
  [
    ...["namespace", "quota", "limits", "service-account", "policy-default-deny", "policy-dns"],
    ...["common-registry", "common-contacts"],
  ].map((role) => `org-123-${role}`),
);
export const names = (registered: readonly Registration[]): string[] => registered.map(({ name }) => name);
export const spec = ({ inputs }: Registration): object => inputs.spec as object;

export function namespaceProgram(over: Partial<TenantNamespaceArgs> = {}) {
  return registrations(() => {
    const provider = kubernetesProvider("east", platform);
    return new TenantNamespace("org-123", { ...identity, state: "active", platform, ...over }, { provider });
  });
}
