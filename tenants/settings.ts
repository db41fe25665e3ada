/** The settings that defaults, profiles and records of tenants have in common. */
import { z } from "zod";
import { poolNamePattern } from "../components/naming.ts";
import { rings, storeNames } from "../provider/inputs.ts";
import { memorySize, silo, storageSize } from "./silo-settings.ts";
import { builtIn, labelKeyPattern, labelValuePattern, name, nameAllowed } from "./text-forms.ts";

export const tiers = ["pool", "bridge", "silo"] as const;

const folderPattern = /^[a-z0-9][a-z0-9-]{0,62}$/;
const variablePattern = /^[a-z][a-z0-9_]*$/;
const sqlPathPattern = /^(?!\/)(?!.*(?:^|\/)\.{1,2}(?:\/|$))(?!.*\/\/)[A-Za-z0-9_./-]+\.sql$/;

export const sqlPathSchema = z
  .string()
  .regex(sqlPathPattern)
  .meta({
    description: "Path of a file of SQL.",
    allowed: "relative path of a .sql file inside of the registry's folder, no `..`",
    examples: ["sql/acme/0001-analytics.sql"],
  });

function unique(list: readonly unknown[]): boolean {
  return new Set(list).size === list.length;
}

function limit(description: string, value: number) {
  return z
    .int()
    .min(1)
    .max(1000)
    .meta({ description, allowed: "whole number from 1 to 1000", default: value, examples: [value] })
    .optional();
}

const rotation = z
  .int()
  .min(0)
  .meta({
    description: "Raise it by one to give the tenant a new secret for this store.",
    allowed: "whole number, 0 or more",
    default: builtIn.rotation,
    examples: [1],
  })
  .optional();

const stores = z
  .array(
    z.enum(storeNames).meta({ description: "A store.", allowed: storeNames.join(", "), examples: [...storeNames] }),
  )
  .min(1)
  .refine(unique)
  .meta({
    description: "The stores that the tenant has a place in. The order does not matter.",
    allowed: `list of one or more of ${storeNames.join(", ")}, each once`,
    uniqueItems: true,
    examples: ["[postgres, redis, storage]"],
  })
  .optional();

const region = name
  .meta({
    description: "Where the tenant's data lies. Fixed while the tenant lives.",
    allowed: nameAllowed,
    examples: ["eu-central-1"],
  })
  .optional();

const tier = z
  .enum(tiers)
  .meta({
    description:
      "Isolation model. `pool`: in PostgreSQL rows in tables that all tenants of a pool share, under row-level security. " +
      "`bridge`: a schema, an ACL user and a prefix of its own on shared servers. " +
      "`silo`: in PostgreSQL a database of its own, on a shared server, on Kubernetes or on Amazon RDS, as its " +
      "placement says. Fixed while the tenant lives.",
    allowed: tiers.join(", "),
    default: builtIn.tier,
    examples: [...tiers],
  })
  .optional();

const ring = z
  .enum(rings)
  .meta({
    description:
      "When an update comes to this tenant: `early` waits until all of `canary` is done, `all` until all of `early` is. " +
      "A tenant that fails keeps the rings after its own as they were.",
    allowed: rings.join(", "),
    default: builtIn.ring,
    examples: [...rings],
  })
  .optional();

const server = (store: string) =>
  name
    .meta({
      description: `Name of the platform's ${store} server.`,
      allowed: `name of a server of the platform: ${nameAllowed}`,
      examples: ["main"],
    })
    .optional();

const placement = z
  .strictObject({
    postgres: server("PostgreSQL"),
    redis: server("Redis"),
    storage: server("object storage"),
    neo4j: server("Neo4j"),
  })
  .meta({ id: "placement", description: "Which of the platform's named servers each store lies on." })
  .optional();

export const templateVariables = z
  .record(
    z
      .string()
      .regex(variablePattern)
      .meta({ description: "Name of a variable of the template.", allowed: "name of a variable of the template" }),
    z
      .union([z.string(), z.number(), z.boolean()])
      .meta({ description: "Value of the variable.", allowed: "text, number, true or false" }),
  )
  .meta({
    description: "Values of the template's variables. Fixed once applied.",
    allowed: "map from a variable's name to its value",
  })
  .optional();

const postgres = z
  .strictObject({
    pool: z
      .string()
      .regex(poolNamePattern)
      .meta({
        description:
          "The pool whose tables hold the tenant's rows. With `tier: pool`, and only with it; the pool says template, " +
          "variables and server. Fixed while the tenant lives.",
        allowed: "name of a pool of the registry",
        examples: ["shared"],
      })
      .optional(),
    template: name
      .meta({
        description: "What is inside of the tenant's schema: a folder of `templates/`. Fixed once applied.",
        allowed: "name of a folder of templates/",
        examples: ["knowledge-graph"],
      })
      .optional(),
    variables: templateVariables,
    connectionLimit: limit("Connections that the application's login may hold at once.", builtIn.connectionLimit),
    readOnlyConnectionLimit: limit(
      "Connections that the read-only login may hold at once.",
      builtIn.readOnlyConnectionLimit,
    ),
    additionalSql: z
      .array(sqlPathSchema)
      .refine(unique)
      .meta({
        description:
          "Files of SQL that are applied after the template's, in this order; paths start at the registry's folder.",
        allowed: "list of relative paths of .sql files inside of the registry's folder, each once",
        uniqueItems: true,
        examples: ["[sql/acme/0001-analytics.sql]"],
      })
      .optional(),
    rotation,
  })
  .meta({ id: "postgres", description: "Settings of the tenant's place in PostgreSQL." })
  .optional();

const redis = z
  .strictObject({
    defaultTtlSeconds: z
      .int()
      .min(1)
      .max(2_147_483_647)
      .meta({
        description: "Expiry that the application should set on keys without one of their own, in seconds.",
        allowed: "whole number from 1 to 2147483647",
        default: builtIn.defaultTtlSeconds,
        examples: [builtIn.defaultTtlSeconds],
      })
      .optional(),
    rotation,
  })
  .meta({ id: "redis", description: "Settings of the tenant's ACL user and key prefix in Redis." })
  .optional();

const storage = z
  .strictObject({
    folders: z
      .array(
        z
          .string()
          .regex(folderPattern)
          .meta({
            description: "Name of a folder.",
            allowed: "1 to 63 lower-case letters, digits and hyphens, no hyphen at the begin",
            examples: ["uploads"],
          }),
      )
      .min(1)
      .refine(unique)
      .meta({
        description: "Folders inside of the tenant's prefix.",
        allowed: "list of one or more names, each once",
        uniqueItems: true,
        default: builtIn.folders,
        examples: ["[uploads, processed, exports]"],
      })
      .optional(),
    encryptionKey: z
      .enum(["platform", "own"])
      .meta({
        description: "Key of the objects on Amazon S3: the bucket's, or one of the tenant's own.",
        allowed: "platform, own",
        default: builtIn.encryptionKey,
        examples: ["own"],
      })
      .optional(),
    rotation,
  })
  .meta({ id: "storage", description: "Settings of the tenant's prefix in object storage." })
  .optional();

const neo4j = z
  .strictObject({ memory: memorySize(builtIn.neo4j.memory), storageSize, rotation })
  .meta({
    id: "neo4j",
    description:
      "Settings of the tenant's graph database. Memory and storage are those of an instance of its own on Kubernetes.",
  })
  .optional();

const labels = z
  .record(
    z
      .string()
      .regex(labelKeyPattern)
      .meta({ description: "Key of a label.", allowed: "key of a Kubernetes label, as in team or example.com/team" }),
    z
      .string()
      .regex(labelValuePattern)
      .meta({
        description: "Value of a label.",
        allowed: "value of a Kubernetes label: at most 63 letters, digits, - _ and .",
        examples: ["gold"],
      }),
  )
  .meta({ description: "Labels of the tenant, legal in Kubernetes.", allowed: "map from a label's key to its value" })
  .optional();

export const shared = { region, tier, ring, placement, stores, postgres, silo, redis, storage, neo4j, labels };
