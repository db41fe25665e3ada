/** What the engine asks of a provider: the plugin process, or what is built in. */
import type { Properties } from "./values.ts";

export interface Checked {
  readonly inputs: Properties;
  readonly failures: readonly { readonly property: string; readonly reason: string }[];
}

export interface Difference {
  /** `unknown`: the provider leaves it to the engine to compare the inputs. */
  readonly changes: "none" | "some" | "unknown";
  /** Paths of properties that differ. */
  readonly changed: readonly string[];
  /** Paths of those that ask for a new object. */
  readonly replaces: readonly string[];
  readonly deleteBeforeReplace: boolean;
}

/** State of an object: inputs and outputs with secrets marked. */
export interface ObjectState {
  readonly urn: string;
  readonly id: string;
  readonly inputs: Properties;
  readonly outputs: Properties;
}

export interface Made {
  readonly id: string;
  readonly outputs: Properties;
}

export interface Provider {
  check(urn: string, olds: Properties | undefined, news: Properties): Promise<Checked>;
  diff(old: ObjectState, news: Properties, ignoreChanges: readonly string[]): Promise<Difference>;
  /** In a preview the id is empty, and outputs may be unknown or missing. */
  create(urn: string, inputs: Properties, preview: boolean): Promise<Made>;
  update(old: ObjectState, news: Properties, ignoreChanges: readonly string[], preview: boolean): Promise<Properties>;
  /** undefined: the object is gone. */
  read(old: ObjectState): Promise<{ id: string; inputs: Properties; outputs: Properties } | undefined>;
  delete(old: ObjectState): Promise<void>;
}

/** Create or update went only part of the way: the object is there, and the next update goes on. */
export class PartialFailure extends Error {
  override readonly name = "PartialFailure";
  readonly id: string;
  readonly outputs: Properties;
  readonly inputs: Properties | undefined;
  readonly reasons: readonly string[];

  constructor(
    message: string,
    id: string,
    outputs: Properties,
    inputs: Properties | undefined,
    reasons: readonly string[],
  ) {
    super(message);
    this.id = id;
    this.outputs = outputs;
    this.inputs = inputs;
    this.reasons = reasons;
  }
}
