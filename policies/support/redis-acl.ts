/** ACL rules of Redis as ElastiCache and MemoryDB take them: one access string a user. */
import { type Finding, type Resource, undecided } from "../rule.ts";
import { text, unknown } from "../values.ts";
import { subjectOf } from "./verdict.ts";

/** Give every key, channel or command, or let somebody in without a password. */
const wide = /^(~\*|%[RW]{1,2}~\*|allkeys|&\*|allchannels|\+@all|allcommands|nopass)$/i;

/** Of commands that reach every tenant's keys whatever the key patterns say: docs/redis.md. */
const reaching =
  /^\+(@admin|@dangerous|@scripting|@keyspace|@slow|@fast|@read|@write|keys|scan|randomkey|dbsize|flushall|flushdb|swapdb|select|move|eval.*|fcall.*|script.*|function.*|config.*|acl.*|monitor|client|cluster)$/i;

export function* wildcardFindings(resource: Resource): Iterable<Finding> {
  const access = resource.props.accessString;
  if (access === unknown) yield undecided(`${subjectOf(resource)}: accessString`);
  const tokens = (text(access) ?? "").split(/\s+/).filter((token) => token !== "");
  // A user that is off logs in nowhere: `default` stays like that.
  if (tokens.includes("off")) return;
  for (const token of tokens) {
    if (wide.test(token))
      yield { message: `${subjectOf(resource)} may reach every tenant: its access string has ${token}` };
    else if (reaching.test(token)) {
      yield { message: `${subjectOf(resource)} may reach other tenants' keys: its access string has ${token}` };
    }
  }
}

/** Patterns of keys and channels, without their `~` or `&`. */
export function patternsOf(accessString: string): readonly string[] {
  return accessString.split(/\s+/).flatMap((token) => /^(?:~|&|%[RW]{1,2}~)(.+)$/i.exec(token)?.[1] ?? []);
}
