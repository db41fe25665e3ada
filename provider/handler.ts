/** What a resource type of the provider has to offer; `rpc.ts` turns it into the plugin protocol. */

import type { Finding } from "./finding.ts";

/** Plain JSON values; an unknown of a preview is the `unknown` marker. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** How the engine writes a value that is not known before the update. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export function isUnknown(value: unknown): boolean {
  return value === unknownValue;
}

export interface CheckFailure {
  /** Name or path of the input, as in `variables.dimensions`. */
  readonly property: string;
  /** What is wrong, the value received (never a secret), what is allowed, how to mend it. */
  readonly reason: string;
}

/** What handlers get with each call. */
export interface CallContext {
  readonly urn: string;
  /** Ids that `tenancy adopt` names for this run: taken over although they hold data. */
  readonly adopt: ReadonlySet<string>;
  /** Shown in the engine's output beside the resource. Never a secret. */
  readonly warn: (message: string) => void;
  /** One line of progress that the next one overwrites. */
  readonly status: (message: string) => void;
  /** Told of each thing that `read` finds to differ; its sentence stands in `drift`, too. */
  readonly found?: (finding: Finding) => void;
  /**
   * Whether a refresh found the live object to differ, in an update.
   * Left out: it may have, and an update looks at everything.
   */
  readonly drifted?: boolean;
  /** Aborted when the engine cancels. */
  readonly signal: AbortSignal;
}

export interface Created<O> {
  readonly id: string;
  readonly outputs: O;
}

/**
 * One resource type. `check` returns failures and never throws; `create` takes over what a crashed run left by the
 * rules of `mark.ts` and no further; `update` and `delete` can be run again; `read` gives undefined when the object
 * is gone.
 */
export interface Handler<I extends object, O extends I> {
  readonly type: string;
  /** Inputs whose change needs a new object. Refused by `rpc.ts` unless the old state says `offboarding`. */
  readonly replaceOn: readonly (keyof I & string)[];
  /** Inputs that the engine keeps as secrets: never in a message. Outputs of these names are secrets, too. */
  readonly secrets: readonly (keyof O & string)[];
  /**
   * Runs at preview and at update, with unknowns in `news`.
   * `olds` are the inputs of the last update; undefined for a new resource.
   */
  check(context: CallContext, olds: I | undefined, news: I): Promise<readonly CheckFailure[]>;
  /**
   * What a preview knows of the outputs beyond the inputs and, in an update, the last outputs.
   * `unknownValue` stands for an output that the update will change.
   */
  preview?(inputs: I, olds?: O): Partial<Record<keyof O, unknown>>;
  create(context: CallContext, inputs: I): Promise<Created<O>>;
  /**
   * The live object, as inputs and outputs. Where reality differs from what `inputs` ask, the returned inputs differ
   * in that property, or carry `drift`: a list of sentences for what no property shows. A next `update` mends both.
   */
  read(context: CallContext, id: string, inputs: I, outputs: O): Promise<{ inputs: I & Drift; outputs: O } | undefined>;
  update(context: CallContext, id: string, outputs: O, news: I): Promise<O>;
  delete(context: CallContext, id: string, outputs: O): Promise<void>;
  /** Closes connections when the provider ends. */
  close?(): Promise<void>;
}

/** Never an input of a program: a difference to it makes the engine call `update`. */
export interface Drift {
  readonly drift?: readonly string[];
}

/**
 * A fault that a person can mend: shown without a stack trace.
 * Names tenant, store, kind of statement and the way out; never a secret.
 */
export class ProviderError extends Error {
  override readonly name = "ProviderError";
}
