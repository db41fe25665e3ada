/** The two types of @pulumi/random that the stack uses, as their plugin writes them into the state. */
import { randomBytes, randomInt } from "node:crypto";
import { hashSync } from "bcryptjs";
import { z } from "zod";
import type { Provider } from "./plugin.ts";
import { parseUrn } from "./resource.ts";
import { changedKeys, secret, unknown } from "./values.ts";
import type { Properties } from "./values.ts";

interface RandomType {
  readonly inputs: z.ZodType<{ length: number }>;
  readonly secrets: readonly string[];
  make(length: number): { readonly id: string; readonly outputs: Properties };
}

const length = z.int().min(1);
const lettersAndDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

const types: Readonly<Record<string, RandomType>> = {
  "random:index/randomBytes:RandomBytes": {
    inputs: z.strictObject({ length }),
    secrets: ["base64", "hex"],
    make(count) {
      const bytes = randomBytes(count);
      const base64 = bytes.toString("base64");
      // The plugin's id is the bytes themselves, in plain text: they can only ever be a salt.
      return { id: base64, outputs: { base64: secret(base64), hex: secret(bytes.toString("hex")) } };
    },
  },
  "random:index/randomPassword:RandomPassword": {
    inputs: z.strictObject({ length, special: z.literal(false) }),
    secrets: ["result", "bcryptHash"],
    make(count) {
      const characters = Array.from({ length: count }, () => lettersAndDigits[randomInt(lettersAndDigits.length)]);
      const result = characters.join("");
      const least = { minLower: 0, minNumeric: 0, minSpecial: 0, minUpper: 0 };
      const kinds = { lower: true, number: true, numeric: true, upper: true };
      const outputs = { __meta: '{"schema_version":"3"}', id: "none", ...least, ...kinds };
      return {
        id: "none",
        // bcrypt reads 72 bytes; the plugin hashes as many.
        outputs: { ...outputs, result: secret(result), bcryptHash: secret(hashSync(result.slice(0, 72), 10)) },
      };
    },
  },
};

export const randomTypes = Object.keys(types);

/** Made anew whenever an input changes. */
export const randomProvider: Provider = {
  check(urn, _olds, news) {
    const { error } = typeOf(urn).inputs.safeParse(news);
    const failures = (error?.issues ?? []).map(({ path, message }) => [...path, message].join(": "));
    return Promise.resolve({ inputs: news, failures });
  },
  diff(old, news) {
    const changed = changedKeys(old.inputs, news);
    return Promise.resolve({ differs: changed.length > 0, changed, replaces: changed, deleteBeforeReplace: false });
  },
  create(urn, inputs, preview) {
    const type = typeOf(urn);
    if (preview) {
      const outputs = Object.fromEntries(type.secrets.map((name) => [name, secret(unknown)]));
      return Promise.resolve({ id: "", outputs: { ...inputs, ...outputs } });
    }
    const { id, outputs } = type.make(type.inputs.parse(inputs).length);
    return Promise.resolve({ id, outputs: { ...inputs, ...outputs } });
  },
  update: () => Promise.reject(new Error("random values do not change; they are replaced")),
  read: ({ inputs, outputs }) => Promise.resolve({ inputs, outputs }),
  delete: () => Promise.resolve(),
};

function typeOf(urn: string): RandomType {
  const type = types[parseUrn(urn).type];
  if (type === undefined) throw new Error(`${urn} is of a type that the local engine does not know`);
  return type;
}
