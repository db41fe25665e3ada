/** What an ACL user's inputs must be, as far as it shows without the server. */
import type { Platform } from "../config.ts";
import { type CheckFailure, isUnknown } from "../handler.ts";
import type { AclUserInputs } from "../inputs.ts";
import { isUsername, keyPrefixOf } from "./acl-rule.ts";
import { missingSentinel } from "./topology.ts";

export function unknownServer(server: string, platform: Platform): string {
  const known = Object.keys(platform.redis).join(", ");
  return `Redis server ${JSON.stringify(server)} is not in the platform's configuration; known are: ${known === "" ? "none" : known}.`;
}

export function checkInputs(news: AclUserInputs, platform: Platform): readonly CheckFailure[] {
  const failures: CheckFailure[] = [];
  const fail = (property: string, reason: string) =>
    failures.push({ property, reason: `tenant ${news.tenant}: ${reason}` });
  if (!isUnknown(news.server) && platform.redis[news.server] === undefined) {
    fail("server", unknownServer(news.server, platform));
  }
  if (!isUnknown(news.username) && !isUsername(news.username)) {
    fail(
      "username",
      `${JSON.stringify(news.username)} is no legal user; allowed is <prefix>:<id>, where the prefix has lower-case letters, digits and single "_", and the id also "-".`,
    );
  }
  const server = isUnknown(news.server) ? undefined : platform.redis[news.server];
  if (server?.topology === "sentinel" && server.sentinel === undefined) fail("server", missingSentinel(news.server));
  const isCluster = server?.topology === "cluster";
  if (
    !isUnknown(news.keyPrefix) &&
    !isUnknown(news.username) &&
    news.keyPrefix !== keyPrefixOf(news.username, isCluster)
  ) {
    const form = isCluster
      ? `${keyPrefixOf("<prefix>:<id>", true)}, with the id as hash tag`
      : "the username and a colon";
    fail("keyPrefix", `${JSON.stringify(news.keyPrefix)} must be ${form}.`);
  }
  if (!isUnknown(news.password) && (typeof news.password !== "string" || news.password.length < 16)) {
    fail("password", "it must have at least 16 characters; the received one is not shown.");
  }
  return failures;
}
