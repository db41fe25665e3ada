/** The database inside of a silo's cluster, with its extensions. */
import type { DatabaseNames } from "./cluster.ts";
import type { Database } from "./custom-manifest.ts";
import type { Place } from "./settings.ts";

/** Schema of the extensions, as on shared servers: `public` stays closed. */
export const extensionsSchema = "extensions";

/** Retained when the object goes: data goes with the cluster, and with nothing else. */
export function databaseManifest(
  { cluster, namespace, labels }: Place,
  names: DatabaseNames,
  extensions: readonly string[],
): Database {
  return {
    apiVersion: "postgresql.cnpg.io/v1",
    kind: "Database",
    metadata: { name: cluster, namespace, labels },
    spec: {
      cluster: { name: cluster },
      name: names.database,
      owner: names.ownerRole,
      ensure: "present",
      databaseReclaimPolicy: "retain",
      schemas: [{ name: extensionsSchema, owner: names.ownerRole, ensure: "present" }],
      extensions: extensions.map((name) => ({ name, schema: extensionsSchema, ensure: "present" })),
    },
  };
}
