/** What a template is, once it has been read. */
import { createHash } from "node:crypto";
import type { SqlFile } from "../provider/inputs.ts";
import type { TemplateTier, TemplateVariable, VectorColumn } from "./manifest.ts";

export interface Template {
  readonly name: string;
  readonly description: string;
  readonly variables: Readonly<Record<string, TemplateVariable>>;
  /** Extensions that have to be in the database before a tenant can use the template, with any values: `extensionsOf`. */
  readonly extensions: readonly string[];
  /** Isolation models that the files work in. */
  readonly tiers: readonly TemplateTier[];
  /** In the order in which they are applied. */
  readonly files: readonly SqlFile[];
  /** Of those the ones whose statements cannot run inside of a transaction. */
  readonly concurrent: readonly string[];
  /** Files of `seed/`, which fill a new tenant once. */
  readonly seeds: readonly SqlFile[];
  readonly vectors: readonly VectorColumn[];
  readonly appendOnly: readonly string[];
  readonly notAudited: readonly string[];
  /** Whether it has what `tenancy retention` calls. */
  readonly retention: boolean;
}

/** A fault of a template itself; the message holds all of them, one a line. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}

export function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

const concurrentMark = /^-- tenancy: concurrently[ \t]*\r?\n/;

/** Whether a file begins with the line that says that its statements cannot run inside of a transaction. */
export function isConcurrentFile(text: string): boolean {
  return concurrentMark.test(text);
}
