import { resourceRule } from "../rule.ts";
import { schemeOf } from "../support/platform.ts";
import { objectStore } from "../support/kubernetes-types.ts";
import { subjectOf } from "../support/verdict.ts";
import { at, text } from "../values.ts";

export default resourceRule({
  name: "tenancy-cnpg-objectstore-uses-tls",
  subject: "TLS",
  description: "Backups and the write-ahead log go to an https endpoint.",
  reason: "They hold every row of the tenant.",
  source: {
    title: "Barman Cloud plugin, object stores",
    url: "https://cloudnative-pg.io/plugin-barman-cloud/docs/object_stores/",
  },
  remediation: "Use an https URL in spec.configuration.endpointURL, and endpointCA for an authority of your own",
  severity: "critical",
  enforcement: "mandatory",
  types: [objectStore],
  *check(store) {
    const scheme = schemeOf(text(at(store.props, "spec", "configuration", "endpointURL")) ?? "");
    // Left out: Amazon's own endpoint, which is https.
    if (scheme !== undefined && scheme !== "https") {
      yield { message: `${subjectOf(store)} is reached without TLS: the scheme of its endpoint is ${scheme}` };
    }
  },
});
