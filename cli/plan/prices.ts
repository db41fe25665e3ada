/** The price file beside the registry: what a month costs, in one currency. */
import { existsSync } from "node:fs";
import { z } from "zod";
import { storeNames } from "../../provider/inputs.ts";
import { type Fault, RegistryError } from "../../tenants/faults.ts";
import { readSource } from "../../tenants/files.ts";
import { validate } from "../../tenants/validate.ts";
import { parseYaml } from "../../tenants/yaml.ts";

const amount = (description: string, example: number) =>
  z
    .number()
    .min(0)
    .max(1_000_000)
    .meta({ description, allowed: "number from 0 to 1000000", examples: [example] });

const server = z
  .strictObject({
    fixed: amount("The server, as soon as a tenant lies on it.", 100).optional(),
    perTenant: amount("Each tenant on it.", 2).optional(),
  })
  .meta({ description: "What a server costs.", allowed: "fixed and perTenant" });

const serversOf = (store: string) =>
  z
    .record(z.string().meta({ description: "Name of a server, or `default`.", allowed: "name of a server" }), server)
    .meta({
      description: `Servers of ${store} by name; \`default\` is for those that are not named.`,
      allowed: "a map",
    })
    .optional();

const size = z
  .strictObject({
    fixed: amount("Each tenant of the tier.", 5).optional(),
    cpu: amount("A CPU of its database, for each copy.", 25).optional(),
    memoryGb: amount("A GiB of memory of its database, for each copy.", 4).optional(),
    storageGb: amount("A GiB of storage of its database, for each copy.", 0.1).optional(),
    instances: z
      .record(
        z.string().meta({ description: "Instance class of Amazon RDS.", allowed: "as in db.t4g.medium" }),
        amount("The class, for each copy: in place of CPU and memory.", 50),
      )
      .meta({ description: "Instance classes.", allowed: "a map" })
      .optional(),
  })
  .meta({ description: "What a tenant of the tier costs beside its share of servers.", allowed: "a map" });

export const pricesSchema = z
  .strictObject({
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/)
      .meta({ description: "Code of the currency.", allowed: "three capital letters (ISO 4217)", examples: ["USD"] }),
    servers: z
      .strictObject(Object.fromEntries(storeNames.map((store) => [store, serversOf(store)])))
      .meta({ description: "Shared servers by store.", allowed: storeNames.join(", ") })
      .optional(),
    objectStorage: z
      .strictObject({
        perGb: amount("A GB of objects.", 0.023),
        assumedGb: amount("GB that a tenant is taken to hold.", 1),
      })
      .meta({ description: "Objects of tenants.", allowed: "perGb and assumedGb" })
      .optional(),
    tiers: z
      .strictObject({ pool: size.optional(), bridge: size.optional(), silo: size.optional() })
      .meta({ description: "Tenants by tier.", allowed: "pool, bridge, silo" })
      .optional(),
  })
  .meta({ description: "Prices of a month." });

interface ServerPrice {
  readonly fixed?: number;
  readonly perTenant?: number;
}
export interface TierPrice {
  readonly fixed?: number;
  readonly cpu?: number;
  readonly memoryGb?: number;
  readonly storageGb?: number;
  readonly instances?: Readonly<Record<string, number>>;
}
export interface Prices {
  readonly currency: string;
  readonly servers?: Readonly<Record<string, Readonly<Record<string, ServerPrice>> | undefined>>;
  readonly objectStorage?: { readonly perGb: number; readonly assumedGb: number };
  readonly tiers?: Readonly<Partial<Record<string, TierPrice>>>;
}

/**
 * Undefined where there is no price file.
 *
 * @throws RegistryError with every fault of it.
 */
export function readPrices(path: string): Prices | undefined {
  if (!existsSync(path)) return undefined;
  const faults: Fault[] = [];
  const { source, faults: unreadable } = readSource(path);
  faults.push(...unreadable);
  if (source !== undefined) {
    const { root, faults: syntax, damaged } = parseYaml(source, "");
    faults.push(...syntax);
    if (root !== undefined) {
      const values = validate(pricesSchema, root, { source, offset: 0 }, "", { faults, damaged });
      const parsed = pricesSchema.safeParse(values);
      if (faults.length === 0 && parsed.success) return parsed.data;
    } else if (syntax.length === 0) {
      const text = { message: "the file is empty", found: "no content", allowed: "prices", fix: "write currency: USD" };
      faults.push({ file: source.file, line: 1, column: 1, path: "", ...text });
    }
  }
  throw new RegistryError(faults);
}
