/**
 * The state: a file in the form of `pulumi stack export`, version 3, with secrets encrypted; written whole, atomically,
 * and not more often than its size allows.
 */
import { createHash } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { UserError } from "../../cli/user-error.ts";
import { Crypter } from "./passphrase.ts";
import { resourceSchema } from "./resource.ts";
import type { Resource } from "./resource.ts";
import { encrypted, isObject, mapSecrets, plain, secret } from "./values.ts";
import type { Properties, Value } from "./values.ts";

const engineVersion = "tenancy-local-engine-1";

const exportSchema = z.object({
  version: z.literal(3),
  deployment: z.looseObject({
    secrets_providers: z.object({ type: z.literal("passphrase"), state: z.object({ salt: z.string() }) }).optional(),
    resources: z.array(z.looseObject({ urn: z.string() })).nullish(),
  }),
});

const resourceKeys = Object.keys(resourceSchema.shape);
/** What the CLI writes, too, and writes anew in its next update: nothing here depends on it. */
const resourceNotes = ["aliases", "created", "modified", "propertyDependencies", "sourcePosition", "stackTrace"];
const deploymentKeys = ["manifest", "metadata", "resources", "secrets_providers"];

export interface State {
  readonly crypter: Crypter;
  readonly resources: readonly Resource[];
}

/** @throws UserError for a wrong passphrase, another form or secrets provider, or a field that has no meaning here. */
export async function parseState(data: unknown, passphrase: string): Promise<State> {
  const { deployment } = parse(exportSchema, data, "the stack's state");
  refuseOthers(deployment, deploymentKeys, "the stack's state");
  const resources = (deployment.resources ?? []).map((item) => {
    refuseOthers(item, [...resourceKeys, ...resourceNotes], item.urn);
    return parse(resourceSchema, item, item.urn);
  });
  const salt = deployment.secrets_providers?.state.salt;
  const crypter = salt === undefined ? await Crypter.create(passphrase) : await Crypter.open(passphrase, salt);
  const open = ({ inputs, outputs, ...rest }: Resource): Resource => {
    return { ...rest, inputs: decrypt(inputs, crypter), outputs: decrypt(outputs, crypter) };
  };
  return { crypter, resources: resources.map(open) };
}

function parse<T>(schema: z.ZodType<T>, data: unknown, what: string): T {
  const { data: value, error } = schema.safeParse(data);
  if (error === undefined) return value;
  const faults = error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
  throw new UserError(`${what} is not what the local engine can use (version 3, passphrase): ${faults}`);
}

function refuseOthers(object: Readonly<Record<string, unknown>>, known: readonly string[], what: string): void {
  const others = Object.entries(object).filter(([key, value]) => !known.includes(key) && !isEmpty(value));
  if (others.length === 0) return;
  const names = others.map(([key]) => key).join(", ");
  throw new UserError(`${what}: the local engine does not support ${names} in a state; use the Pulumi CLI`);
}

function isEmpty(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === "" || value === false || value === null;
}

const ciphertexts = new WeakMap<Properties, string>();

function decrypt(values: Properties, crypter: Crypter): Properties {
  return mapSecrets(values, ({ ciphertext, plaintext }) => {
    if (typeof plaintext === "string") return secret(JSON.parse(plaintext) as Value);
    if (typeof ciphertext !== "string") throw new UserError("the stack's state has a secret without its ciphertext");
    const opened = secret(JSON.parse(crypter.decrypt(ciphertext)) as Value);
    if (isObject(opened)) ciphertexts.set(opened, ciphertext);
    return opened;
  });
}

function encrypt(values: Properties, crypter: Crypter): Properties {
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
  const { inputs, outputs } = resource;
  const all = { ...resource, inputs: encrypt(inputs, crypter), outputs: encrypt(outputs, crypter) };
  const given = Object.entries(all).filter(([key, value]) => key === "custom" || !isEmpty(value));
  const line = JSON.stringify(Object.fromEntries(given));
  lines.set(resource, line);
  return line;
}

export function formatState({ crypter, resources }: State): string {
  // The CLI checks that the magic number is the version's digest.
  const magic = createHash("sha256").update(engineVersion).digest("hex");
  const manifest = { time: new Date().toISOString(), magic, version: engineVersion };
  const secrets = { type: "passphrase", state: { salt: crypter.salt } };
  const list = resources.map((resource) => formatResource(resource, crypter)).join(",\n");
  return (
    `{"version":3,"deployment":{"manifest":${JSON.stringify(manifest)},` +
    `"secrets_providers":${JSON.stringify(secrets)},"resources":[\n${list}\n],"metadata":{}}}\n`
  );
}

/** A new stack starts empty. */
export async function loadState(path: string, passphrase: string): Promise<State> {
  let data: unknown;
  try {
    data = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserError(`${path} is not JSON. Restore it from a backup.`);
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    return { crypter: await Crypter.create(passphrase), resources: [] };
  }
  return parseState(data, passphrase);
}

/** Survives a crash at any moment: the old text or the new one is there, never a part. */
export async function writeState(path: string, state: State): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, "w", 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(formatState(state));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
