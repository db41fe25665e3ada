import { type Finding, resourceRule } from "../rule.ts";
import { schemeOf } from "../support/platform.ts";
import { developmentStacks } from "../support/settings.ts";
import { isTrue, subjectOf } from "../support/verdict.ts";
import { isList, isProperties, type Value } from "../values.ts";

export default resourceRule<{ developmentStacks: readonly string[] }>({
  name: "tenancy-aws-provider-uses-tls",
  subject: "TLS",
  description: "A provider of AWS talks to https endpoints and verifies them.",
  reason: "Requests carry new logins and keys.",
  source: {
    title: "AWS provider, insecure and endpoints",
    url: "https://www.pulumi.com/registry/packages/aws/api-docs/provider/",
  },
  remediation: "Take `insecure` out and use https endpoints",
  severity: "critical",
  enforcement: "mandatory",
  types: ["pulumi:providers:aws"],
  settings: { developmentStacks },
  *check(provider, { stack, settings }) {
    if (settings.developmentStacks.includes(stack)) return;
    if (isTrue(provider.props.insecure)) yield { message: `${subjectOf(provider)}: insecure is true` };
    yield* endpoints(provider.props.endpoints, subjectOf(provider));
  },
});

/** A provider's properties that are no text reach the engine as JSON. */
function* endpoints(value: Value | undefined, place: string): Iterable<Finding> {
  const parsed = typeof value === "string" ? parse(value) : value;
  for (const entry of isList(parsed) ? parsed : []) {
    if (!isProperties(entry)) continue;
    for (const [service, url] of Object.entries(entry)) {
      if (typeof url !== "string" || url === "" || schemeOf(url) === "https") continue;
      yield { message: `${place}: the endpoint of ${service} has the scheme ${schemeOf(url) ?? "none"}` };
    }
  }
}

function parse(json: string): Value {
  try {
    return JSON.parse(json) as Value;
  } catch {
    return null;
  }
}
