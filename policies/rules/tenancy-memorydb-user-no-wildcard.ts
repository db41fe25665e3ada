import { resourceRule } from "../rule.ts";
import { memorydbUser } from "../support/aws-types.ts";
import { wildcardFindings } from "../support/redis-acl.ts";

export default resourceRule({
  name: "tenancy-memorydb-user-no-wildcard",
  subject: "isolation",
  description: "A user of MemoryDB has no wildcard of keys, channels or commands.",
  reason: "`~*` is every tenant's keys, and `+@all` has FLUSHALL; SCAN and scripts ignore the key patterns.",
  source: {
    title: "Amazon MemoryDB Developer Guide, Authenticating users with Access Control Lists",
    url: "https://docs.aws.amazon.com/memorydb/latest/devguide/clusters.acls.html",
  },
  remediation: "Use `on ~<prefix>:<id>:* resetchannels &<prefix>:<id>:* -@all` and the commands of docs/redis.md",
  severity: "critical",
  enforcement: "mandatory",
  types: [memorydbUser],
  *check(user) {
    yield* wildcardFindings(user);
  },
});
