import { resourceRule } from "../rule.ts";
import { memorydbCluster } from "../support/aws-types.ts";
import { mustBe, mustBeTrue } from "../support/verdict.ts";

export default resourceRule({
  name: "tenancy-memorydb-tls",
  subject: "TLS",
  description: "A cluster of MemoryDB takes TLS connections only and has an access control list of its own.",
  reason: "Without TLS MemoryDB allows the list `open-access` alone, which lets everybody at every key.",
  source: {
    title: "Amazon MemoryDB Developer Guide, In-transit encryption",
    url: "https://docs.aws.amazon.com/memorydb/latest/devguide/in-transit-encryption.html",
  },
  remediation: "Leave tlsEnabled at true and name an access control list in aclName",
  severity: "critical",
  enforcement: "mandatory",
  types: [memorydbCluster],
  *check(cluster) {
    yield* mustBeTrue(cluster, "tlsEnabled", "does not encrypt connections", { leftOut: true });
    yield* mustBe(cluster, "aclName", (value) => value !== "open-access", "has no access control");
  },
});
