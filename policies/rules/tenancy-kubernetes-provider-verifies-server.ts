import { resourceRule, undecided } from "../rule.ts";
import { developmentStacks } from "../support/settings.ts";
import { subjectOf } from "../support/verdict.ts";
import { unknown } from "../values.ts";

export default resourceRule<{ developmentStacks: readonly string[] }>({
  name: "tenancy-kubernetes-provider-verifies-server",
  subject: "TLS",
  description: "A provider of Kubernetes reaches the API over https and verifies its certificate.",
  reason: "Whoever answers in the API's place gets the provider's token and every tenant's secrets.",
  source: {
    title: "CIS Kubernetes Benchmark 1.2, API server; kubeconfig reference",
    url: "https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/",
  },
  remediation:
    "Take insecure-skip-tls-verify out of the kubeconfig, give certificate-authority-data and an https server",
  severity: "critical",
  enforcement: "mandatory",
  types: ["pulumi:providers:kubernetes"],
  settings: { developmentStacks },
  *check(provider, { stack, settings }) {
    if (settings.developmentStacks.includes(stack)) return;
    const { kubeconfig } = provider.props;
    if (kubeconfig === unknown) yield undecided(`${subjectOf(provider)}: kubeconfig`);
    // YAML or JSON, and a secret: only what it is searched for is told. A path of a file is not read.
    if (typeof kubeconfig !== "string") return;
    if (/insecure-skip-tls-verify"?\s*:\s*"?true/i.test(kubeconfig)) {
      yield { message: `${subjectOf(provider)} does not verify the server: insecure-skip-tls-verify is true` };
    }
    if (/\bserver"?\s*:\s*"?http:/i.test(kubeconfig)) {
      yield { message: `${subjectOf(provider)} does not use TLS: its server has the scheme http` };
    }
  },
});
