/** Text of the state: the form of `pulumi stack export`, version 3, with secrets encrypted. */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { StackExport } from "../../cli/engine.ts";
import { Crypter } from "./passphrase.ts";
import type { Resource } from "./resource.ts";
import { encrypted, isObject, mapSecrets, plain, secret } from "./values.ts";
import type { Properties, Value } from "./values.ts";

const engineVersion = "tenancy-local-engine-1";

const properties = z.custom<Properties>(isObject).default({});
const urns = z.array(z.string()).default([]);
const resourceSchema = z.object({
  urn: z.string(),
  custom: z.boolean(),
  type: z.string(),
  id: z.string().default(""),
  inputs: properties,
  outputs: properties,
  parent: z.string().default(""),
  protect: z.boolean().default(false),
  dependencies: urns,
  propertyDependencies: z
    .record(z.string(), urns.nullable())
    .default({})
    .transform((map) => Object.fromEntries(Object.entries(map).map(([key, value]) => [key, value ?? []]))),
  provider: z.string().default(""),
  additionalSecretOutputs: urns,
  ignoreChanges: urns,
  retainOnDelete: z.boolean().default(false),
  deletedWith: z.string().default(""),
  initErrors: urns,
  delete: z.boolean().default(false),
  created: z.string().default(""),
  modified: z.string().default(""),
  external: z.literal(false).optional(),
  pendingReplacement: z.boolean().default(false),
});
const exportSchema = z.object({
  version: z.literal(3),
  deployment: z.object({
    secrets_providers: z.object({ type: z.literal("passphrase"), state: z.object({ salt: z.string() }) }).optional(),
    resources: z.array(resourceSchema).nullish(),
  }),
});

export interface State {
  readonly crypter: Crypter;
  readonly resources: readonly Resource[];
}

/**
 * @throws PassphraseError for a wrong passphrase.
 * @throws Error for another form, another secrets provider, or a ciphertext that was changed.
 */
export async function parseState(data: unknown, passphrase: string): Promise<State> {
  const parsed = exportSchema.safeParse(data);
  if (!parsed.success) {
    throw new Error(
      "the stack's state is not what this engine can use (version 3, secrets provider passphrase, " +
        `no resources that are only read): ${z.prettifyError(parsed.error)}`,
    );
  }
  const { secrets_providers: secrets, resources } = parsed.data.deployment;
  const crypter =
    secrets === undefined ? await Crypter.create(passphrase) : await Crypter.open(passphrase, secrets.state.salt);
  const open = (values: Properties): Properties => decryptAll(values, crypter);
  return {
    crypter,
    resources: (resources ?? []).flatMap(({ pendingReplacement, external: _, ...resource }) => {
      // What waits for its replacement is already deleted.
      if (pendingReplacement) return [];
      return [{ ...resource, inputs: open(resource.inputs), outputs: open(resource.outputs) }];
    }),
  };
}

const ciphertexts = new WeakMap<Properties, string>();

function decryptAll(values: Properties, crypter: Crypter): Properties {
  return mapSecrets(values, ({ ciphertext, plaintext }) => {
    if (typeof plaintext === "string") return secret(JSON.parse(plaintext) as Value);
    if (typeof ciphertext !== "string") throw new Error("the stack's state holds a secret without its ciphertext");
    const opened = secret(JSON.parse(crypter.decrypt(ciphertext)) as Value);
    if (isObject(opened)) ciphertexts.set(opened, ciphertext);
    return opened;
  });
}

function encryptAll(values: Properties, crypter: Crypter): Properties {
  return mapSecrets(values, (item) => {
    // The same ciphertext again for what did not change: the file stays the same.
    const text = ciphertexts.get(item) ?? crypter.encrypt(JSON.stringify(plain(item)));
    ciphertexts.set(item, text);
    return encrypted(text);
  });
}

const lines = new WeakMap<Resource, string>();

/** One line a resource; the text of a resource that did not change is made only once. */
function formatResource(resource: Resource, crypter: Crypter): string {
  const known = lines.get(resource);
  if (known !== undefined) return known;
  const { urn, custom, type, inputs, outputs, ...rest } = resource;
  const entries = Object.entries({
    ...rest,
    inputs: encryptAll(inputs, crypter),
    outputs: encryptAll(outputs, crypter),
  });
  const given = entries.filter(([, value]) => value !== "" && value !== false && !isEmpty(value));
  const line = JSON.stringify({ urn, custom, type, ...Object.fromEntries(given) });
  lines.set(resource, line);
  return line;
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

export function formatState({ crypter, resources }: State): string {
  const magic = createHash("sha256").update(engineVersion).digest("hex");
  const manifest = { time: new Date().toISOString(), magic, version: engineVersion };
  const secrets = { type: "passphrase", state: { salt: crypter.salt } };
  const list = resources.map((resource) => formatResource(resource, crypter)).join(",\n");
  return (
    `{"version":3,"deployment":{"manifest":${JSON.stringify(manifest)},` +
    `"secrets_providers":${JSON.stringify(secrets)},"resources":[\n${list}\n],"metadata":{}}}\n`
  );
}

export function asExport(text: string): StackExport {
  const { deployment } = JSON.parse(text) as StackExport;
  return { version: 3, deployment };
}
