/**
 * The resources of a stack's state as the handlers know them. The state names every secret only in its encrypted form;
 * the stack's outputs and its configuration have the same secrets in plain text.
 */
import { z } from "zod";
import type { Connections } from "../cli/connections.ts";
import type { StackExport } from "../cli/engine.ts";
import type { Platform } from "../provider/config.ts";
import type { StoreName } from "../provider/inputs.ts";

/** How both engines mark a secret: https://www.pulumi.com/docs/iac/concepts/secrets/ */
const signature = "4dabf18193072939515e22adb298388d";

const resourceSchema = z.looseObject({
  urn: z.string(),
  type: z.string(),
  id: z.string().optional(),
  delete: z.boolean().optional(),
  inputs: z.record(z.string(), z.unknown()).default({}),
  outputs: z.record(z.string(), z.unknown()).default({}),
});
const exportSchema = z.array(resourceSchema);

export type Properties = Readonly<Record<string, unknown>>;

export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id: string;
  /** Undefined for what belongs to a whole server. */
  readonly tenant: string | undefined;
  readonly store: StoreName | "platform";
  readonly server: string;
  /** Physical name in its store, as in `tenant_acme`. */
  readonly name: string;
  readonly inputs: Properties;
  readonly outputs: Properties;
}

export interface DriftState {
  readonly resources: readonly StateResource[];
  /** Resources that cannot be asked about, each with the reason as a sentence. */
  readonly faults: readonly string[];
}

const types: Readonly<Record<string, { readonly store: StoreName | "platform"; readonly name: string }>> = {
  "tenancy:postgres:Baseline": { store: "postgres", name: "server" },
  "tenancy:postgres:Schema": { store: "postgres", name: "schema" },
  "tenancy:postgres:Database": { store: "postgres", name: "database" },
  "tenancy:postgres:Pool": { store: "postgres", name: "schema" },
  "tenancy:postgres:PoolTenant": { store: "postgres", name: "appRole" },
  "tenancy:redis:AclUser": { store: "redis", name: "username" },
  "tenancy:storage:Prefix": { store: "storage", name: "prefix" },
  "tenancy:neo4j:Database": { store: "neo4j", name: "database" },
  "tenancy:index:Roster": { store: "platform", name: "catalogue" },
};

/** @param connections - of each tenant, from the stack's outputs */
export function driftState(
  state: StackExport,
  connections: ReadonlyMap<string, Connections>,
  platform: Platform,
): DriftState {
  const resources: StateResource[] = [];
  const faults: string[] = [];
  const { data, error } = exportSchema.safeParse(state.deployment.resources ?? []);
  if (error !== undefined) return { resources, faults: ["the stack's state is not in the form that is known"] };
  for (const { urn, type, id = "", inputs: stored, outputs: kept, delete: leaving } of data) {
    const kind = types[type];
    // What waits for its deletion after a replacement is not what the registry asks for.
    if (kind === undefined || leaving === true) continue;
    const tenant = textOf(kept.tenant);
    const secrets = secretsFor(type, kept, tenant === undefined ? undefined : connections.get(tenant), platform);
    const missing = new Set<string>();
    // `drift` is what the last refresh found.
    const { drift: _, ...inputs } = open(stored, secrets, missing);
    const outputs = open(kept, secrets, missing);
    const name = textOf(outputs[kind.name]) ?? "";
    if (missing.has("connectionPassword")) {
      faults.push(
        `${type} ${name}: it lies on a server of its own, whose provisioner only the stack knows: look at it with \`npm run refresh\``,
      );
      continue;
    }
    if (missing.size > 0) {
      faults.push(
        `${type} ${name}: the stack's outputs do not have its ${[...missing].join(" and ")}: run \`npm run up\` to its end first`,
      );
      continue;
    }
    const server = textOf(outputs.server) ?? textOf(outputs.catalogue) ?? "";
    resources.push({ urn, type, id, tenant, store: kind.store, server, name, inputs, outputs });
  }
  return { resources, faults };
}

/** Values of a resource's secret properties. */
function secretsFor(
  type: string,
  outputs: Properties,
  connections: Connections | undefined,
  platform: Platform,
): Readonly<Record<string, string | undefined>> {
  const { postgres, redis, storage, neo4j } = connections ?? {};
  switch (type) {
    case "tenancy:postgres:Baseline": {
      const server = platform.postgres[textOf(outputs.server) ?? ""];
      return {
        provisionerPassword: server?.provisioner.password,
        resolverPassword: server?.resolver?.password,
        applicationPassword: server?.application?.password,
      };
    }
    case "tenancy:postgres:Schema":
    case "tenancy:postgres:Database":
    case "tenancy:postgres:PoolTenant":
      return { password: postgres?.password, readOnlyPassword: postgres?.readOnlyPassword };
    case "tenancy:redis:AclUser":
      return { password: redis?.password };
    case "tenancy:neo4j:Database":
      return { password: neo4j?.password };
    case "tenancy:storage:Prefix":
      return storage === undefined
        ? {}
        : { secretAccessKey: "secretAccessKey" in storage ? storage.secretAccessKey : "" };
    default:
      return {};
  }
}

function open(
  values: Properties,
  secrets: Readonly<Record<string, string | undefined>>,
  missing: Set<string>,
): Record<string, unknown> {
  const entries = Object.entries(values).map(([key, value]): [string, unknown] => {
    if (typeof value !== "object" || value === null || !(signature in value)) return [key, value];
    const secret = secrets[key];
    if (secret === undefined) missing.add(key);
    return [key, secret];
  });
  return Object.fromEntries(entries);
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
