/** The form of a `template.yaml`. */
import { z } from "zod";

/** Words that may stand in SQL as they are: no quote, no space, no comment can be made of them. */
export const bareWord = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;
const variableName = /^[a-z][a-z0-9_]*$/;
const extensionName = /^[a-z][a-z0-9_-]*$/;

const word = z.string().regex(bareWord, "letters, digits and underscores, starting with a letter or underscore");
const objectName = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/, "a name in lower case, without quotes");
const columnName = z
  .string()
  .regex(/^[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}$/, "table and column, as in embeddings.embedding");

/** Isolation models that a template's files work in. */
export const templateTiers = ["pool", "bridge", "silo"] as const;
export type TemplateTier = (typeof templateTiers)[number];

const plainVariable = z.strictObject({
  type: z.enum(["integer", "number", "boolean", "string"]),
  description: z.string().min(1),
  default: z.union([z.number(), z.boolean(), word]).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  allowed: z
    .array(z.union([word, z.number()]))
    .min(1)
    .optional(),
});

/** One of several texts of SQL at a time, chosen by its name: the template's author writes them, never a tenant. */
const choiceVariable = z.strictObject({
  type: z.literal("choice"),
  description: z.string().min(1),
  default: word.optional(),
  choices: z.record(
    word,
    z.strictObject({
      /** Placeholders that this choice fills in, which may hold those of plain variables. */
      text: z.record(z.string().regex(variableName), z.string()).default({}),
      /** Extensions that it needs beside the template's. */
      extensions: z.array(z.string().regex(extensionName)).default([]),
    }),
  ),
});

const variablePlace = z.string().regex(/^\{\{[a-z][a-z0-9_]*\}\}$/, "a number, or a variable as in {{m}}");

/** A column of vectors that is searched exactly until it has so many rows that an index pays. */
const vectorColumn = z.strictObject({
  table: objectName,
  column: objectName,
  /** Operator class of the index: of the variable's value where it is a placeholder. */
  distance: z.union([z.enum(["cosine", "l2", "ip"]), z.string().regex(/^\{\{[a-z][a-z0-9_]*\}\}$/)]),
  /** Rows of one tenant from which an HNSW index is built. */
  threshold: z.int().min(1).default(10_000),
  m: z.union([z.int().min(2).max(100), variablePlace]).default(16),
  efConstruction: z.union([z.int().min(4).max(1000), variablePlace]).default(64),
  /** The column is of a type without an index where this choice variable has this value, as in `search: exact`. */
  exactWhere: z.record(z.string().regex(variableName), word).optional(),
});

export const manifestSchema = z.strictObject({
  description: z.string().min(1),
  tiers: z.array(z.enum(templateTiers)).min(1).default(["bridge", "silo"]),
  variables: z.record(z.string().regex(variableName), z.union([plainVariable, choiceVariable])).default({}),
  extensions: z.array(z.string().regex(extensionName)).default([]),
  vectors: z.array(vectorColumn).default([]),
  /** Tables into which the application inserts and where it changes and deletes nothing. Only where the tiers have pool. */
  appendOnly: z.array(objectName).default([]),
  /** Columns that the audit of a pool leaves out of a row's image: large, or secret. */
  notAudited: z.array(columnName).default([]),
  /** The files make the functions retention_due() and retention_delete(batch integer), which `tenancy retention` calls. */
  retention: z.boolean().default(false),
});
export type Manifest = z.infer<typeof manifestSchema>;

export interface PlainVariable {
  readonly type: "integer" | "number" | "boolean" | "string";
  readonly description: string;
  /** Left out: the tenant has to give a value. */
  readonly default?: string | number | boolean | undefined;
  /** Least value of an integer or number. */
  readonly minimum?: number | undefined;
  /** Greatest value of an integer or number. */
  readonly maximum?: number | undefined;
  /** The only values there are. A string without it has to be a bare word: `[A-Za-z_][A-Za-z0-9_]*`. */
  readonly allowed?: readonly (string | number)[] | undefined;
}
export type ChoiceVariable = z.infer<typeof choiceVariable>;
export type TemplateVariable = PlainVariable | ChoiceVariable;
export type VectorColumn = z.infer<typeof vectorColumn>;
