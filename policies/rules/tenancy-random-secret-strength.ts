import { resourceRule, undecided } from "../rule.ts";
import { limitSetting } from "../support/capacity.ts";
import { numberOf, subjectOf } from "../support/verdict.ts";
import { unknown } from "../values.ts";

const bits: Readonly<Record<string, number>> = {
  "random:index/randomBytes:RandomBytes": 8,
  // Letters and digits: log2(62), rounded down.
  "random:index/randomPassword:RandomPassword": 5.9,
};
/** Everybody who reads the state sees these: their result is no secret output. */
const notSecret = ["random:index/randomString:RandomString", "random:index/randomId:RandomId"];

export default resourceRule<{ minimumBits: number }>({
  name: "tenancy-random-secret-strength",
  subject: "encryption",
  description: "A random secret has at least 256 bits and comes from a resource whose result is secret.",
  reason: "All passwords of a stack are derived from one secret: who guesses it has every tenant's.",
  source: {
    title: "NIST SP 800-133, 6.3: keys have at least the strength of what they protect",
    url: "https://csrc.nist.gov/pubs/sp/800/133/r2/final",
  },
  remediation:
    "Use RandomPassword with a length of 44 or RandomBytes with 32, and never RandomString or RandomId for a secret",
  severity: "high",
  enforcement: "mandatory",
  types: [...Object.keys(bits), ...notSecret],
  settings: { minimumBits: limitSetting("Bits that a secret must have.", 256) },
  *check(resource, { settings }) {
    const each = bits[resource.type];
    if (each === undefined) {
      if (/passw|secret|token|credential/i.test(resource.name)) {
        yield { message: `${subjectOf(resource)} is not kept secret, and its name says that it holds a secret` };
      }
      return;
    }
    const { length } = resource.props;
    if (length === unknown) yield undecided(`${subjectOf(resource)}: length`);
    const size = numberOf(length);
    if (size !== undefined && size * each < settings.minimumBits) {
      yield { message: `${subjectOf(resource)} has ${Math.floor(size * each)} bits: its length is ${size}` };
    }
  },
});
