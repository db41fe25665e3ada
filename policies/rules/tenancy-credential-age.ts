import { type Finding, stackRule } from "../rule.ts";
import { accessKey, secretRotation } from "../support/aws-types.ts";
import { certificate } from "../support/kubernetes-types.ts";
import { ofType } from "../support/links.ts";
import { days } from "../support/settings.ts";
import { rosterType, Tenants } from "../support/tenants.ts";
import { numberOf, subjectOf } from "../support/verdict.ts";
import { at, text } from "../values.ts";

const dayMs = 24 * 60 * 60 * 1000;
const prefixType = "tenancy:storage:Prefix";

export default stackRule<{ keyDays: number; secretDays: number; certificateDays: number }>({
  name: "tenancy-credential-age",
  subject: "lifecycle",
  description: "Access keys, rotated secrets and certificates are not older than allowed.",
  reason: "Whoever copied a login keeps it until it is changed.",
  source: {
    title: "CIS AWS Foundations Benchmark 1.14, Ensure access keys are rotated every 90 days or less",
    url: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html#rotating_access_keys_console",
  },
  remediation: "Raise the store's rotation in the tenant's record by one, or make the key anew",
  severity: "medium",
  enforcement: "advisory",
  types: [rosterType, prefixType, accessKey, secretRotation, certificate],
  settings: {
    keyDays: days("Days that an access key may live.", 90),
    secretDays: days("Days between two rotations of a secret.", 90),
    certificateDays: days("Days that a certificate may live.", 398),
  },
  *check(resources, context) {
    const { settings, now } = context;
    const tenants = new Tenants(resources, context);
    const since = tenants.roster?.props.since;
    // A tenant's first key is as old as its state, or older; the state of the stack knows no later one's age.
    for (const prefix of ofType(resources, prefixType)) {
      const id = tenants.of(prefix);
      if (id === undefined || numberOf(prefix.props.rotation) !== 0) continue;
      yield* tooOld(
        text(at(since, id)),
        settings.keyDays,
        now,
        `${subjectOf(prefix)}: its access key was never rotated, and`,
        prefix.urn,
      );
    }
    for (const key of ofType(resources, accessKey)) {
      yield* tooOld(text(key.props.createDate), settings.keyDays, now, subjectOf(key), key.urn);
    }
    for (const rotation of ofType(resources, secretRotation)) {
      const every = numberOf(at(rotation.props, "rotationRules", "automaticallyAfterDays"));
      if (every === undefined || every <= settings.secretDays) continue;
      yield {
        urn: rotation.urn,
        message: `${subjectOf(rotation)} rotates every ${every} days; allowed are ${settings.secretDays}`,
      };
    }
    for (const resource of ofType(resources, certificate)) {
      const hours = /^(\d+)h/.exec(text(at(resource.props, "spec", "duration")) ?? "")?.[1];
      const lives = hours === undefined ? undefined : Number(hours) / 24;
      if (lives === undefined || lives <= settings.certificateDays) continue;
      yield {
        urn: resource.urn,
        message: `${subjectOf(resource)} lives ${Math.floor(lives)} days; allowed are ${settings.certificateDays}`,
      };
    }
  },
});

function* tooOld(made: string | undefined, allowed: number, now: Date, what: string, urn: string): Iterable<Finding> {
  const at = made === undefined ? Number.NaN : Date.parse(made);
  const age = Math.floor((now.getTime() - at) / dayMs);
  if (age > allowed) yield { urn, message: `${what} is ${age} days old; allowed are ${allowed}` };
}
