/** What tenants of the tier `pool` share, and what a new tenant may take from another. */
import { z } from "zod";
import { poolNamePattern, tenantIdPattern } from "../components/naming.ts";
import { templateVariables } from "./settings.ts";
import { builtIn, name, nameAllowed } from "./text-forms.ts";

/** More make planning slower than the smaller indexes pay. */
const maxPartitions = 1024;

const poolSchema = z
  .strictObject({
    server: name.meta({
      description: "The platform's PostgreSQL server that the pool lies on. Fixed while there are tenants in the pool.",
      allowed: `name of a server of the platform, of the kind server: ${nameAllowed}`,
      examples: ["main"],
    }),
    template: name.meta({
      description: "What the pool's tables are: a folder of `templates/` whose tiers have `pool`. Fixed once applied.",
      allowed: "name of a folder of templates/",
      examples: ["glyph-foundry"],
    }),
    variables: templateVariables,
    partitions: z
      .int()
      .min(0)
      .max(maxPartitions)
      .refine((partitions) => partitions !== 1)
      .meta({
        description:
          "Partitions by a hash of `tenant_id`, of the tables that the template partitions; 0: none. Fixed once applied.",
        allowed: `0, or a whole number from 2 to ${maxPartitions}`,
        default: builtIn.partitions,
        examples: [16],
      })
      .optional(),
  })
  .meta({ id: "pool", description: "What tenants of a pool share: tables under row-level security, in one schema." });
export type PoolFile = z.infer<typeof poolSchema>;

export const pools = z
  .record(
    z.string().regex(poolNamePattern).meta({
      description: "Name of a pool: `glyphs` gives the schema `pool_glyphs`.",
      allowed: "1 to 24 lower-case letters, digits and hyphens, no hyphen at the begin or end",
    }),
    poolSchema,
  )
  .meta({
    description: "What tenants of the tier `pool` share, by name. A pool without tenants is made, too.",
    allowed: "map from a pool's name to its server and template",
  })
  .optional();

export const clone = z
  .strictObject({
    of: z
      .string()
      .regex(tenantIdPattern)
      .meta({
        description: "The tenant whose template, variables and additional SQL this one takes.",
        allowed: "id of another tenant of the registry, of the tier bridge or silo, that is no clone itself",
        examples: ["acme"],
      }),
    data: z
      .boolean()
      .meta({
        description:
          "Whether its rows are copied, too: both tenants are of the tier bridge, on the same server, and the source in no " +
          "later ring. Read when the schema is made, never again.",
        allowed: "true or false",
        default: builtIn.cloneData,
        examples: ["true"],
      })
      .optional(),
  })
  .meta({
    id: "clone",
    description: "Makes the tenant's schema like another's, in the place of a template of its own.",
  })
  .optional();
