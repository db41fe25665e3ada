/** How a tenant's database, role and user on an Enterprise server differ from what is asked. */
import { type Finding, repairable } from "../finding.ts";
import type { Neo4jDatabaseInputs } from "../inputs.ts";
import { isStatus, type LiveTenant } from "./live.ts";
import { tenantChanges } from "./privileges.ts";

/**
 * @param privileges of the role, as revoking statements
 * @param accepted whether the server let the tenant in; undefined where it was not tried
 */
export function serverFindings(
  inputs: Neo4jDatabaseInputs,
  live: LiveTenant,
  privileges: readonly string[],
  accepted: boolean | undefined,
): readonly Finding[] {
  return [
    ...databaseFindings(inputs, live),
    ...roleFindings(inputs, live, privileges),
    ...userFindings(inputs, live, accepted),
  ];
}

function databaseFindings({ database, state }: Neo4jDatabaseInputs, live: LiveTenant): Finding[] {
  const field = `database ${database}`;
  if (live.database === undefined) return [repairable(field, "missing", "there", `database ${database} is missing`)];
  const wanted = state === "active" ? "online" : "offline";
  if (isStatus(live.database, wanted)) return [];
  const is = [...new Set([...live.database.requested, ...live.database.current])].join(", ");
  return [repairable(`${field}: status`, is, wanted, `database ${database} is ${is} and not ${wanted}`)];
}

function roleFindings(
  { database, role, username }: Neo4jDatabaseInputs,
  live: LiveTenant,
  privileges: readonly string[],
) {
  const field = `role ${role}`;
  if (live.members === undefined) return [repairable(field, "missing", "there", `role ${role} is missing`)];
  const { missing, further } = tenantChanges(database, role, privileges);
  const strip = (text: string) => text.replace(/^(REVOKE )?(GRANT|DENY) /, "").replace(/ (TO|FROM) `[^`]*`$/, "");
  const found = [
    ...missing.map((text) =>
      repairable(`${field}: ${strip(text)}`, "not granted", "granted", `role ${role} has no ${strip(text)}`),
    ),
    ...further.map((text) => {
      const denied = text.startsWith("REVOKE DENY ");
      return repairable(
        `${field}: ${strip(text)}`,
        denied ? "denied" : "granted",
        denied ? "not denied" : "not granted",
        `role ${role} ${denied ? "is denied" : "also has"} ${strip(text)}`,
      );
    }),
  ];
  for (const member of live.members.filter((name) => name !== username)) {
    found.push(repairable(`${field}: members`, member, "none but its user", `user ${member} has role ${role}`));
  }
  return found;
}

function userFindings(inputs: Neo4jDatabaseInputs, { user }: LiveTenant, accepted: boolean | undefined): Finding[] {
  const { username, role, database, state } = inputs;
  const field = `user ${username}`;
  if (user === undefined) return [repairable(field, "missing", "there", `user ${username} is missing`)];
  const found: Finding[] = [];
  if (user.suspended !== (state !== "active")) {
    const [is, should] = user.suspended ? ["suspended", "active"] : ["active", "suspended"];
    found.push(repairable(`${field}: status`, is, should, `user ${username} is ${is} and not ${should}`));
  }
  if (user.home !== database) {
    const is = user.home ?? "none";
    found.push(repairable(`${field}: home database`, is, database, `user ${username} has the home database ${is}`));
  }
  if (user.passwordChangeRequired) {
    found.push(
      repairable(`${field}: password`, "to be changed", "as it is", `user ${username} has to change its password`),
    );
  }
  if (!user.roles.includes(role)) {
    found.push(
      repairable(`${field}: roles`, user.roles.join(", ") || "none", role, `user ${username} has no role ${role}`),
    );
  }
  for (const other of user.roles.filter((name) => name !== role)) {
    found.push(repairable(`${field}: roles`, other, role, `user ${username} also has the role ${other}`));
  }
  if (accepted === false) {
    found.push(
      repairable(
        `${field}: password`,
        "another",
        "the state's",
        `user ${username} is not let in with the state's password`,
      ),
    );
  }
  return found;
}
