/** Secrets of a tenant. Values may be outputs of a program, so that names are known before they are. */
import type { Secret } from "./manifest.ts";
import type { Place } from "./settings.ts";

/** A login of PostgreSQL as CloudNativePG reads it; with the label a change reaches the server by itself. */
export function loginSecret<Text>(
  { namespace, labels }: Place,
  name: string,
  username: Text,
  password: Text,
): Secret<Text> {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace, labels: { ...labels, "cnpg.io/reload": "true" } },
    type: "kubernetes.io/basic-auth",
    stringData: { username, password },
  };
}

/** Credentials for an application, in a namespace of its choice: one key a value. */
export function credentialsSecret<Text>(
  { tenant, labels }: Place,
  namespace: string,
  values: Readonly<Record<string, Text>>,
): Secret<Text> {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: `tenant-${tenant}`, namespace, labels },
    type: "Opaque",
    stringData: values,
  };
}

export function opaqueSecret<Text>(
  { namespace, labels }: Place,
  name: string,
  values: Readonly<Record<string, Text>>,
): Secret<Text> {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace, labels },
    type: "Opaque",
    stringData: values,
  };
}
