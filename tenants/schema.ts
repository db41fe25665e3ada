/**
 * The form of the registry, once: types, validation, `registry.schema.json` and docs/registry.md come from here.
 * `allowed` is what a fault and the reference say of a value in words; `examples` feed the "how to mend it".
 */
import { z } from "zod";
import { prefixMaxLength, prefixPattern, isReservedPrefix, tenantIdPattern } from "../components/naming.ts";
import { tenantStates } from "../provider/inputs.ts";
import { clone, pools } from "./pool-settings.ts";
import { shared } from "./settings.ts";
import { builtIn, name, nameAllowed, plainText, plainTextAllowed } from "./text-forms.ts";

const externalIdPattern = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
export const defaultsSchema = z
  .strictObject(shared)
  .meta({ id: "defaults", description: "What holds for every tenant whose profile or record does not say otherwise." });

export const profileSchema = z
  .strictObject({
    prefix: z
      .string()
      .regex(prefixPattern)
      .max(prefixMaxLength)
      .refine((prefix) => !isReservedPrefix(prefix))
      .meta({
        description:
          "Begin of every physical name: `ekn` and the tenant `42` give the schema `ekn_42`, keys `ekn:42:*` and objects " +
          "`ekns/42/`. Fixed while a tenant of the profile lives.",
        allowed:
          `at most ${prefixMaxLength} lower-case letters, digits and single underscores, starting with a letter; ` +
          "not pg, pg_…, tenancy, tenancy_…, kube, kube_…, pool, pool_…, system…, platform, extensions or information",
        examples: ["tenant"],
      }),
    ...shared,
  })
  .meta({ id: "profile", description: "What tenants of one kind share." });

export const tenantSchema = z
  .strictObject({
    displayName: z
      .string()
      .regex(plainText)
      .meta({ description: "Name for people.", allowed: plainTextAllowed, examples: ["Acme Inc."] }),
    externalId: z
      .string()
      .regex(externalIdPattern)
      .meta({
        description:
          "The tenant's id in your other systems, for labels, claims and tenant_id columns. Unique in the registry, and never changed.",
        allowed: "a uuid or an id like org_123: 1 to 63 letters, digits, - _ and ., a letter or digit at both ends",
        examples: ["org_123"],
      }),
    owner: z
      .string()
      .regex(plainText)
      .regex(/^(?:[^@]+|[^\s@]+@[^\s@]+\.[^\s@]+)$/)
      .meta({
        description: "Whom to ask about this tenant.",
        allowed: "an e-mail address or a team's name",
        examples: ["platform-team@example.com"],
      }),
    profile: name.meta({
      description: "The profile that it takes its prefix and settings from.",
      allowed: "name of a profile of the registry",
      examples: ["knowledge-graph"],
    }),
    state: z
      .enum(tenantStates)
      .meta({
        description:
          "`suspended` closes the tenant's logins and keeps its data. `offboarding` does the same and, once an update has " +
          "recorded it, permits removal of the record and with it of the data.",
        allowed: tenantStates.join(", "),
        default: builtIn.state,
        examples: [...tenantStates],
      })
      .optional(),
    backupWaiver: z
      .strictObject({
        reason: z
          .string()
          .regex(plainText)
          .meta({
            description: "Why no backup is needed.",
            allowed: plainTextAllowed,
            examples: ["contract ended, data handed over on 2026-03-01"],
          }),
        name: z
          .string()
          .regex(plainText)
          .meta({ description: "Who says so.", allowed: plainTextAllowed, examples: ["Jo Miller"] }),
      })
      .meta({
        id: "backupWaiver",
        description:
          "Permits deletion of the data without a backup. Only with `state: offboarding`; kept in the catalogue.",
      })
      .optional(),
    clone,
    ...shared,
  })
  .meta({ id: "tenant", description: "One tenant." });

export const tenantIdSchema = z.string().regex(tenantIdPattern).meta({
  description: "The tenant's id: part of every physical name, and never used again after the tenant has gone.",
  allowed: "1 to 40 lower-case letters, digits and hyphens, no hyphen at the begin or end",
});

export const registrySchema = z
  .strictObject({
    maxDeletes: z
      .int()
      .min(0)
      .max(1000)
      .meta({
        description: "How many tenants may leave in one update.",
        allowed: "whole number from 0 to 1000",
        default: builtIn.maxDeletes,
        examples: [builtIn.maxDeletes],
      })
      .optional(),
    defaults: defaultsSchema.optional(),
    profiles: z
      .record(name.meta({ description: "Name of a profile.", allowed: nameAllowed }), profileSchema)
      .meta({
        description: "Kinds of tenants, by name.",
        allowed: "map from a profile's name to what its tenants share",
      })
      .optional(),
    pools,
    tenants: z.record(tenantIdSchema, tenantSchema).meta({
      description: "The tenants, by id. Write `tenants: {}` where there is none, or where each has a file of its own.",
      allowed: "map from a tenant's id to its record",
      examples: ["{}"],
    }),
  })
  .meta({ title: "Registry of tenants", description: "The tenants of a platform and what they have in each store." });

export type Settings = z.infer<typeof defaultsSchema>;
export type ProfileRecord = z.infer<typeof profileSchema>;
export type TenantFile = z.infer<typeof tenantSchema>;
export type RegistryFile = z.infer<typeof registrySchema>;

const fieldMeta = z.object({
  description: z.string().optional(),
  allowed: z.string().optional(),
  examples: z.array(z.union([z.string(), z.number()])).optional(),
});
export type FieldMeta = z.infer<typeof fieldMeta>;

/** What the schema says of a value in words. */
export function metaOf(schema: z.core.$ZodType): FieldMeta {
  return fieldMeta.parse(z.globalRegistry.get(schema) ?? {});
}
