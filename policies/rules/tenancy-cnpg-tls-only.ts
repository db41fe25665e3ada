import { resourceRule, undecided } from "../rule.ts";
import { cnpgCluster } from "../support/kubernetes-types.ts";
import { subjectOf } from "../support/verdict.ts";
import { at, list, unknown } from "../values.ts";

export default resourceRule({
  name: "tenancy-cnpg-tls-only",
  subject: "TLS",
  description: "A CloudNativePG cluster lets clients in over TLS only.",
  reason:
    "The operator puts `host all all all` behind the cluster's own lines: without a line that rejects plain " +
    "connections before it, `hostssl` lines alone refuse nobody.",
  source: {
    title: "CloudNativePG, PostgreSQL configuration: the pg_hba section",
    url: "https://cloudnative-pg.io/documentation/current/postgresql_conf/#the-pg_hba-section",
  },
  remediation:
    "Let spec.postgresql.pg_hba have hostssl lines for who may connect, and end with `hostnossl all all all reject` or " +
    "`host all all all reject`",
  severity: "critical",
  enforcement: "mandatory",
  types: [cnpgCluster],
  *check(cluster) {
    const rules = at(cluster.props, "spec", "postgresql", "pg_hba");
    if (rules === unknown) {
      yield undecided(`${subjectOf(cluster)}: spec.postgresql.pg_hba`);
      return;
    }
    const lines = list(rules)
      .filter((line) => typeof line === "string")
      .map((line) => line.trim().split(/\s+/));
    for (const [kind = "", ...fields] of lines) {
      const open = ["host", "hostnossl", "hostnogssenc", "hostgssenc"].includes(kind) && fields.at(-1) !== "reject";
      const trusting = kind !== "local" && fields.includes("trust");
      if (open || trusting)
        yield { message: `${subjectOf(cluster)}: pg_hba has a line ${kind} … ${fields.at(-1) ?? ""}` };
    }
    const rejecting = lines.some(
      ([kind = "", database, user, address, method]) =>
        ["host", "hostnossl"].includes(kind) &&
        [database, user, address].every((field) => field === "all") &&
        method === "reject",
    );
    if (!rejecting) yield { message: `${subjectOf(cluster)}: no line of pg_hba rejects plain connections` };
  },
});
