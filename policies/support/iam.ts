/** Policy documents of AWS, as lists of statements. */
import {
  at,
  holdsUnknown,
  isList,
  isProperties,
  type Properties,
  unknown,
  type Unknown,
  type Value,
} from "../values.ts";

export interface Statement {
  readonly sid: string;
  readonly effect: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** As in `*`, or the values of `AWS`, `Service` and `Federated`. */
  readonly principals: readonly string[];
  /** Values of `AWS` alone, and `*`. */
  readonly accounts: readonly string[];
  /** Has NotAction, NotResource or NotPrincipal: everything but what stands there. */
  readonly inverted: boolean;
  readonly conditions: Properties;
  /** A part of it is not known yet. */
  readonly partial: boolean;
}

/** Undefined where there is no document; a document that is no JSON has no statement. */
export function statementsOf(document: Value | undefined): readonly Statement[] | Unknown | undefined {
  if (document === undefined || document === null) return undefined;
  if (document === unknown) return unknown;
  const parsed = typeof document === "string" ? parse(document) : document;
  const statements = at(parsed, "Statement");
  if (statements === unknown) return unknown;
  return (isList(statements) ? statements : [statements]).filter(isProperties).map(statement);
}

function statement(value: Properties): Statement {
  const { Principal: principal } = value;
  const byKind = isProperties(principal) ? principal : { AWS: principal };
  const inverted = ["NotAction", "NotResource", "NotPrincipal"].some((key) => value[key] !== undefined);
  return {
    sid: typeof value.Sid === "string" ? value.Sid : "",
    effect: typeof value.Effect === "string" ? value.Effect : "Allow",
    actions: texts(value.Action),
    resources: texts(value.Resource),
    principals: Object.values(byKind).flatMap(texts),
    accounts: texts(byKind.AWS),
    inverted,
    conditions: isProperties(value.Condition) ? value.Condition : {},
    partial: holdsUnknown(value),
  };
}

function texts(value: Value | undefined): string[] {
  return (isList(value) ? value : [value]).filter((item) => typeof item === "string");
}

function parse(json: string): Value {
  try {
    return JSON.parse(json) as Value;
  } catch {
    return null;
  }
}

/** Whether one of the condition's operators compares a key, whose case does not matter, with a value. */
export function hasCondition(
  conditions: Properties,
  operator: RegExp,
  key: string,
  test: (value: string) => boolean,
): boolean {
  return Object.entries(conditions).some(([name, comparisons]) => {
    if (!operator.test(name) || !isProperties(comparisons)) return false;
    return Object.entries(comparisons).some(([compared, value]) => {
      if (compared.toLowerCase() !== key.toLowerCase()) return false;
      return (isList(value) ? value : [value]).some(
        (item) =>
          (typeof item === "string" || typeof item === "boolean" || typeof item === "number") && test(String(item)),
      );
    });
  });
}

/** Which statement, for a message. */
export function statementName({ sid, effect }: Statement, index: number): string {
  return sid === "" ? `${effect} statement ${index + 1}` : `statement ${sid}`;
}
