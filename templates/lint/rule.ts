/** What a rule of the linter is: its text for people. What it looks for lies in `checks/`. */
import type { RuleId } from "./catalogue.ts";
import type { Tables } from "./tables.ts";
import type { Node } from "./tree.ts";

export type Severity = "error" | "warning";

export interface RuleText {
  /** `error` refuses the file, `warning` only tells. */
  readonly severity: Severity;
  /** Whether `-- tenancy: allow <rule>: <reason>` before the statement lets it pass. */
  readonly allowable?: true;
  /** What is refused, in one sentence. */
  readonly what: string;
  readonly why: string;
  /** What to write instead. */
  readonly fix: string;
  readonly wrong: string;
  readonly right: string;
  /** What the examples stand in. */
  readonly within?: {
    /** A file of the template before it. */
    readonly earlier?: string;
    /** A template whose tiers have `pool`. */
    readonly pool?: true;
    readonly seed?: true;
  };
}

/** A finding of a rule in one statement. */
export interface Finding {
  readonly rule: RuleId;
  /** Follows the kind of statement: `CREATE TABLE names the schema "other"`. */
  readonly reason: string;
  /** Byte in the file; left out where only the statement is known. */
  readonly location?: number | undefined;
  /** @default the rule's */
  readonly fix?: string;
}

export interface Statement {
  /** As in `CreateStmt`. */
  readonly kind: string;
  readonly node: Node;
  /** First byte in the file, without spaces and comments before it. */
  readonly offset: number;
  /** Byte behind it. */
  readonly end: number;
  readonly source: string;
}

/** What a file is, and what is known before it. */
export interface FileContext {
  readonly kind: "template" | "tenant" | "seed";
  /** It begins with `-- tenancy: concurrently`. */
  readonly concurrent: boolean;
  /** The template's tiers have `pool`. */
  readonly pool: boolean;
  /** … and `bridge` or `silo` beside it. */
  readonly beside: boolean;
  /** Prefixes of the tenants' physical names, as in `ekn` of `ekn_42`. */
  readonly prefixes: readonly string[];
  /** Tables as the files and statements before left them. */
  readonly tables: Tables;
}
