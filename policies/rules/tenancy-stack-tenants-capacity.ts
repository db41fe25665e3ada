import { stackRule } from "../rule.ts";
import { limitSetting, measure, warnAtSetting } from "../support/capacity.ts";
import { rosterType, Tenants } from "../support/tenants.ts";

export default stackRule<{ limit: number; warnAt: number }>({
  name: "tenancy-stack-tenants-capacity",
  subject: "capacity",
  description: "A stack is one cell of at most 1,000 tenants.",
  reason: "An update's time and memory, and what one mistake can reach, grow with the stack.",
  source: {
    title: "AWS, Reducing the Scope of Impact with Cell-Based Architecture",
    url: "https://docs.aws.amazon.com/wellarchitected/latest/reducing-scope-of-impact-with-cell-based-architecture/reducing-scope-of-impact-with-cell-based-architecture.html",
  },
  remediation: "Begin the next cell: another stack with a registry of its own",
  severity: "medium",
  enforcement: "mandatory",
  types: [rosterType],
  settings: { limit: limitSetting("Tenants of one stack.", 1000), warnAt: warnAtSetting },
  *check(resources, context) {
    const { settings } = context;
    const { ids } = new Tenants(resources, context);
    if (ids.length > 0) yield* measure(ids.length, settings.limit, "this stack: tenants", settings.warnAt);
  },
});
