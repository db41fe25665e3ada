import { resourceRule, undecided } from "../rule.ts";
import { kmsKey, secret } from "../support/aws-types.ts";
import { days } from "../support/settings.ts";
import { numberOf, subjectOf } from "../support/verdict.ts";
import { unknown } from "../values.ts";

/** What is used where nothing is said. */
const byDefault = 30;

export default resourceRule<{ minimumDays: number }>({
  name: "tenancy-deletion-window",
  subject: "lifecycle",
  description: "Keys of AWS KMS and secrets of Secrets Manager can be had back for some days after their deletion.",
  reason: "Whatever was encrypted with a key is lost with it.",
  source: {
    title: "AWS KMS Developer Guide, Deleting AWS KMS keys",
    url: "https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html",
  },
  remediation: "Raise deletionWindowInDays (KMS) or recoveryWindowInDays (Secrets Manager)",
  severity: "medium",
  enforcement: "mandatory",
  types: [kmsKey, secret],
  settings: { minimumDays: days("Days between deletion and loss.", 7) },
  *check(resource, { settings }) {
    const property = resource.type === kmsKey ? "deletionWindowInDays" : "recoveryWindowInDays";
    const value = resource.props[property];
    if (value === unknown) yield undecided(`${subjectOf(resource)}: ${property}`);
    if (value === unknown) return;
    const window = numberOf(value) ?? byDefault;
    if (window < settings.minimumDays) {
      yield {
        message: `${subjectOf(resource)}: ${property} is ${window}; at least ${settings.minimumDays} are asked for`,
      };
    }
  },
});
