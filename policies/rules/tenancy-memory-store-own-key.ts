import { resourceRule } from "../rule.ts";
import { memorydbCluster, replicationGroup, serverlessCache } from "../support/aws-types.ts";
import { subjectOf } from "../support/verdict.ts";

const property: Readonly<Record<string, string>> = { [memorydbCluster]: "kmsKeyArn" };

export default resourceRule({
  name: "tenancy-memory-store-own-key",
  subject: "encryption",
  description: "ElastiCache and MemoryDB encrypt with a key of the platform's own.",
  reason: "Without it the service uses a key of Amazon's, whose use nobody can withdraw or audit.",
  source: {
    title: "Amazon MemoryDB Developer Guide, Encryption at rest",
    url: "https://docs.aws.amazon.com/memorydb/latest/devguide/at-rest-encryption.html",
  },
  remediation: "Set kmsKeyId (MemoryDB: kmsKeyArn)",
  severity: "medium",
  enforcement: "advisory",
  types: [replicationGroup, serverlessCache, memorydbCluster],
  *check(store) {
    const name = property[store.type] ?? "kmsKeyId";
    if (store.props[name] === undefined) yield { message: `${subjectOf(store)} has no key of its own: no ${name}` };
  },
});
