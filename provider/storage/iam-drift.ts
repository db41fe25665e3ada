/** How a live IAM user differs from the one that a tenant has: one access key, one inline policy, no group. */
import { type Finding, repairable } from "../finding.ts";

export interface LiveUser {
  readonly username: string;
  /** Other access keys than the state's. */
  readonly otherKeys: readonly string[];
  /** The state's key; `closed` where it is refused although it counts as active. */
  readonly key: "missing" | "active" | "inactive" | "closed";
  /** Code of the server's refusal of the state's key and secret, where they should work. */
  readonly refusal: string | undefined;
  readonly inlinePolicies: readonly string[];
  readonly attachedPolicies: readonly string[];
  readonly groups: readonly string[];
  /** Whether the tool's own inline policy says what it has to. */
  readonly policy: "missing" | "same" | "other";
}

/** Name of the tool's own inline policy. */
export const policyName = "tenancy";

/** @param open whether the tenant is active */
export function iamFindings(live: LiveUser, open: boolean): Finding[] {
  const { username, key, otherKeys, policy, groups } = live;
  const user = `IAM user ${username}`;
  const found: Finding[] = [];
  const tell = (aspect: string, is: string, should: string, sentence: string) =>
    found.push(repairable(`${user}: ${aspect}`, is, should, sentence));
  const wanted = open ? "active" : "inactive";
  if (key === "missing") tell("access key", "missing", wanted, `the access key of ${user} is missing`);
  else if (key !== wanted && !(key === "closed" && !open))
    tell("access key", key, wanted, `the access key of ${user} is ${key}`);
  if (otherKeys.length > 0) {
    const count = otherKeys.length;
    tell("access keys", otherKeys.join(", "), "the state's alone", `${user} has ${count} further access keys`);
  }
  const further = [...live.inlinePolicies.filter((name) => name !== policyName), ...live.attachedPolicies];
  if (further.length > 0) {
    tell("policies", further.join(", "), `${policyName} alone`, `${user} has further policies: ${further.join(", ")}`);
  }
  const should = open ? "its prefix" : "no policy";
  if (open && policy === "missing") tell("policy", "missing", should, `the policy of ${user} is missing`);
  else if (!open && policy !== "missing") tell("policy", "there", should, `the policy of ${user} is still there`);
  else if (policy === "other") {
    tell("policy", "something else", should, `the policy of ${user} allows something else than its prefix`);
  }
  if (groups.length > 0) {
    found.push({
      field: `${user}: groups`,
      is: groups.join(", "),
      should: "none",
      sentence: `${user} is in the ${groups.length === 1 ? "group" : "groups"} ${groups.join(", ")}`,
      mend: "administrator",
      statements: groups.map((group) => `aws iam remove-user-from-group --user-name ${username} --group-name ${group}`),
    });
  }
  // Every other difference would explain a refusal.
  if (found.length === 0 && live.refusal !== undefined) {
    found.push({
      field: `${user}: secret of the access key`,
      is: `refused (${live.refusal})`,
      should: "the state's",
      sentence: `the access key of ${user} is refused with the state's secret`,
      mend: "by hand",
      statements: ["-- raise `storage.rotation` of the tenant in the registry and run an update: it makes a new key"],
    });
  }
  return found;
}
