/**
 * The rule of a tenant as Amazon's caches take it: no `reset`, no password and no hash
 * (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html).
 */
import { redisCommandRules, type RedisCommands } from "../../provider/redis/command-rules.ts";

export interface AccessStringArgs {
  /** Begin of every key and channel, with its closing colon; of `redisNames`, which validates it. */
  readonly keyPrefix: string;
  /** False for a tenant whose access is closed: new logins are refused, and live ones may do nothing. */
  readonly open: boolean;
  readonly engine: RedisCommands;
}

export function accessString({ keyPrefix, open, engine }: AccessStringArgs): string {
  if (!open) return closedAccess;
  return ["on", `~${keyPrefix}*`, "resetchannels", `&${keyPrefix}*`, ...redisCommandRules(engine)].join(" ");
}

/** Of a closed tenant, and of the user `default`. */
export const closedAccess = "off resetchannels -@all";

/** What both engines of Amazon's caches know: commands of Redis 7, databases that no rule can limit. */
export function engineOf(cluster: boolean): RedisCommands {
  return { commands: [7, 0], databaseRules: false, cluster };
}
