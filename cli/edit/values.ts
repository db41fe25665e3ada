/** What a word of a command line means at a place of the registry. */
import { parseDocument } from "yaml";
import { z } from "zod";
import type { EditValue } from "./yaml-text.ts";

/**
 * YAML where the schema takes it (`20`, `[postgres, redis]`), else the text as it is: `externalId=123` is a text.
 * What fits neither way goes through, and the registry's check tells what is allowed.
 */
export function valueFor(schema: z.core.$ZodType, path: readonly string[], text: string): EditValue {
  const target = schemaAt(schema, path);
  const read = readYaml(text);
  if (target === undefined) return read ?? text;
  if (read !== undefined && z.safeParse(target, read).success) return read;
  return z.safeParse(target, text).success || !takesMore(target) ? text : (read ?? text);
}

function readYaml(text: string): EditValue | undefined {
  const document = parseDocument(text, { prettyErrors: false, logLevel: "silent", stringKeys: true });
  if (document.errors.length > 0 || document.contents === null) return undefined;
  const value: unknown = document.toJS();
  return isEditValue(value) ? value : undefined;
}

function isEditValue(value: unknown): value is EditValue {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return true;
  if (Array.isArray(value)) return value.every(isEditValue);
  return typeof value === "object" && value !== null && Object.values(value).every(isEditValue);
}

function takesMore(schema: z.core.$ZodType): boolean {
  return !(schema instanceof z.ZodString) && !(schema instanceof z.ZodEnum);
}

function schemaAt(schema: z.core.$ZodType, [key, ...rest]: readonly string[]): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodOptional) return schemaAt(schema.unwrap(), key === undefined ? [] : [key, ...rest]);
  if (key === undefined) return schema;
  if (schema instanceof z.ZodObject) {
    const inner = (schema.shape as Record<string, z.core.$ZodType | undefined>)[key];
    return inner === undefined ? undefined : schemaAt(inner, rest);
  }
  return schema instanceof z.ZodRecord ? schemaAt(schema.valueType, rest) : undefined;
}
