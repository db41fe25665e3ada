/** The rules as policies of Pulumi's CrossGuard. Only index.ts serves them. */
import type { PolicyResource, ReportViolation, ResourceValidationPolicy, StackValidationPolicy } from "@pulumi/policy";
import { type Verdict, verdictOf } from "./evaluate.ts";
import { type Finding, parentsOf, type Resource, type Rule, settingsOf, stackOf } from "./rule.ts";
import { plainProperties } from "./values.ts";

type Policy = ResourceValidationPolicy | StackValidationPolicy;

/** What a report may be instead of text: it names its own level, which a warning of a mandatory rule needs. */
interface Report {
  readonly message: string;
  readonly urn?: string;
  readonly enforcementLevel: "mandatory" | "advisory";
  readonly severity: Rule["severity"];
}

export function policyOf(rule: Rule): Policy {
  const described = {
    name: rule.name,
    description: rule.description,
    enforcementLevel: rule.enforcement,
    severity: rule.severity,
    url: rule.source.url,
    remediationSteps: rule.remediation,
    tags: [rule.subject],
    ...(rule.settings === undefined ? {} : { configSchema: { properties: propertiesOf(rule) } }),
  };
  const context = (stack: string, configured: object, parentOf: (urn: string) => string | undefined) => ({
    stack,
    now: new Date(),
    settings: settingsOf(rule, configured as Record<string, unknown>),
    parentOf,
  });
  if (rule.scope === "resource") {
    return {
      ...described,
      validateResource(args, report) {
        if (!rule.types.includes(args.type)) return;
        const { type, name, urn, opts, provider } = args;
        const resource: Resource = {
          ...{ type, name, urn, props: plainProperties(args.props) },
          protect: opts.protect,
          references: {},
          ...(opts.parent === undefined ? {} : { parent: opts.parent }),
          ...(provider === undefined
            ? {}
            : { provider: { type: provider.type, props: plainProperties(provider.props) } }),
        };
        const parentOf = (of: string): string | undefined => (of === urn ? opts.parent : undefined);
        tell(rule, rule.check(resource, context(stackOf(urn), args.getConfig(), parentOf)), report, urn);
      },
    };
  }
  return {
    ...described,
    validateStack(args, report) {
      const parentOf = parentsOf(args.resources.map(({ urn, parent }) => ({ urn, parent: parent?.urn })));
      const resources = args.resources.filter(({ type }) => rule.types.includes(type)).map(stackResource);
      const stack = stackOf(args.resources[0]?.urn ?? "");
      tell(rule, rule.check(resources, context(stack, args.getConfig(), parentOf)), report);
    },
  };
}

function stackResource({
  type,
  name,
  urn,
  props,
  opts,
  parent,
  provider,
  propertyDependencies,
}: PolicyResource): Resource {
  const references = Object.entries(propertyDependencies).map(
    ([property, resources]) => [property, resources.map((one) => one.urn)] as const,
  );
  return {
    ...{ type, name, urn, props: plainProperties(props) },
    protect: opts.protect,
    references: Object.fromEntries(references),
    ...(parent === undefined ? {} : { parent: parent.urn }),
    ...(provider === undefined ? {} : { provider: { type: provider.type, props: plainProperties(provider.props) } }),
  };
}

function tell(rule: Rule, findings: Iterable<Finding>, report: ReportViolation, urn?: string): void {
  for (const finding of findings) {
    const { level, kind, message, urn: place }: Verdict = verdictOf(rule, "mandatory", finding, urn ?? finding.urn);
    // As text it gets the level that the rule is configured with.
    if (kind === "violation") report(message, place);
    else {
      const own: Report = {
        message,
        enforcementLevel: level,
        severity: rule.severity,
        ...(place === undefined ? {} : { urn: place }),
      };
      (report as unknown as (report: Report) => void)(own);
    }
  }
}

function propertiesOf(rule: Rule): Record<string, object> {
  return Object.fromEntries(
    Object.entries(rule.settings ?? {}).map(([name, setting]) => {
      const { schema, description } = setting as { schema: object; description: string };
      return [name, { ...schema, description }];
    }),
  );
}
