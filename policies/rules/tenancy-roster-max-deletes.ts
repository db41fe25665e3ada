import { resourceRule, undecided } from "../rule.ts";
import { limitSetting } from "../support/capacity.ts";
import { rosterType } from "../support/tenants.ts";
import { numberOf } from "../support/verdict.ts";
import { unknown } from "../values.ts";

export default resourceRule<{ most: number }>({
  name: "tenancy-roster-max-deletes",
  subject: "lifecycle",
  description: "Few tenants may leave in one update.",
  reason: "maxDeletes is the brake for a registry that lost its records by mistake.",
  source: {
    title: "Pulumi, resource option protect",
    url: "https://www.pulumi.com/docs/iac/concepts/options/protect/",
  },
  remediation: "Lower maxDeletes in the registry, and let tenants leave in several updates",
  severity: "medium",
  enforcement: "mandatory",
  types: [rosterType],
  settings: { most: limitSetting("The highest maxDeletes.", 10) },
  *check(roster, { settings }) {
    const { maxDeletes } = roster.props;
    if (maxDeletes === unknown) yield undecided("maxDeletes");
    const count = numberOf(maxDeletes);
    if (count !== undefined && count > settings.most) {
      yield { message: `maxDeletes is ${count}; allowed is at most ${settings.most}` };
    }
  },
});
