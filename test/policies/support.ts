/** How the tests ask a rule. */
import * as sdk from "@pulumi/policy";
import type { PolicyResource, ResourceValidationArgs, StackValidationArgs } from "@pulumi/policy";
import { rules } from "../../policies/catalogue.ts";
import { evaluate, inOrder, type Verdict } from "../../policies/evaluate.ts";
import { policyOf } from "../../policies/pack.ts";
import type { Rule } from "../../policies/rule.ts";
import type { Case, Given } from "./cases/case.ts";
import { resourceOf } from "./cases/index.ts";

/** Its declaration refers to one that the package does not have. */
const { unknownCheckingProxy } = sdk as unknown as { unknownCheckingProxy: (props: object) => Record<string, unknown> };

export const now = new Date("2026-11-27T00:00:00Z");

export function ruleNamed(name: string): Rule {
  const rule = rules.find((one) => one.name === name);
  if (rule === undefined) throw new Error(`there is no rule ${name}`);
  return rule;
}

/** What the runner says of a case. */
export function verdictsOf(rule: Rule, { resources, settings }: Case): Verdict[] {
  const configuration = { [rule.name]: { ...settings } };
  return evaluate([rule], resources.map(resourceOf), configuration, { stack: "prod", now });
}

/** As the cases write it: a warning or an undecided one begins with its kind, no remediation. */
export function written({ kind, message, rule }: Verdict): string {
  const text = message.replace(`. ${rule.remediation}`, "");
  return kind === "violation" ? text : `${kind}: ${text}`;
}

export interface Reported {
  readonly message: string;
  readonly urn?: string;
  readonly level: string;
}

/** What the policy that the CLI runs says of a case: properties behind the proxies of its package. */
export function reportsOf(rule: Rule, { resources, settings }: Case): Reported[] {
  const policy = policyOf(rule);
  const reported: Reported[] = [];
  const report = (said: unknown, urn?: string): void => {
    if (typeof said === "string") reported.push({ message: said, urn, level: "mandatory" });
    else {
      const {
        message,
        urn: place,
        enforcementLevel,
      } = said as { message: string; urn?: string; enforcementLevel: string };
      reported.push({ message, urn: place, level: enforcementLevel });
    }
  };
  const getConfig = (): object => ({ ...settings });
  if ("validateStack" in policy) {
    const all = resources.map(policyResource);
    const byUrn = new Map(all.map((one) => [one.urn, one]));
    const args = all.map((one, index) => ({ ...one, ...linksOf(resources[index], byUrn) }));
    void policy.validateStack({ resources: args, getConfig } as unknown as StackValidationArgs, report);
  } else {
    for (const resource of inOrder(resources)) {
      const args = { ...policyResource(resource), getConfig };
      const { validateResource } = policy;
      if (typeof validateResource === "function")
        void validateResource(args as unknown as ResourceValidationArgs, report);
    }
  }
  return reported;
}

function policyResource({ type, name, urn, props, protect, parent, provider }: Given): PolicyResource {
  return {
    ...{ type, name, urn, props: unknownCheckingProxy({ ...props }) },
    opts: { protect, parent },
    ...(provider === undefined ? {} : { provider: { ...provider, urn: "", name: "provider" } }),
    dependencies: [],
    propertyDependencies: {},
  } as unknown as PolicyResource;
}

/** A component that no case has stands for each parent. */
function linksOf(given: Given | undefined, byUrn: ReadonlyMap<string, PolicyResource>): object {
  const { parent, references = {} } = given ?? {};
  const propertyDependencies = Object.fromEntries(
    Object.entries(references).map(([property, urns]) => [property, urns.flatMap((urn) => byUrn.get(urn) ?? [])]),
  );
  return { propertyDependencies, ...(parent === undefined ? {} : { parent: byUrn.get(parent) ?? { urn: parent } }) };
}
