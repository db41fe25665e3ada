import { resourceRule } from "../rule.ts";
import { isTrue, subjectOf } from "../support/verdict.ts";
import { list, text } from "../values.ts";

const defaultPrivileges = [
  "postgresql:index/defaultPrivileges:DefaultPrivileges",
  "postgresql:index/defaultPrivileg:DefaultPrivileg",
];

export default resourceRule({
  name: "tenancy-grant-not-public",
  subject: "isolation",
  description: "Nothing is granted to PUBLIC, and no grant can be handed on.",
  reason: "PUBLIC is every role of every tenant; with the grant option a tenant opens what it has to others.",
  source: {
    title: "PostgreSQL manual, 5.8 Privileges",
    url: "https://www.postgresql.org/docs/current/ddl-priv.html",
  },
  remediation: "Grant to the tenant's role; revoke from PUBLIC with an empty list of privileges",
  severity: "critical",
  enforcement: "mandatory",
  types: ["postgresql:index/grant:Grant", ...defaultPrivileges],
  *check(grant) {
    const privileges = list(grant.props.privileges);
    if (text(grant.props.role)?.toLowerCase() === "public" && privileges.length > 0) {
      yield { message: `${subjectOf(grant)} grants to PUBLIC` };
    }
    if (isTrue(grant.props.withGrantOption)) yield { message: `${subjectOf(grant)} has the grant option` };
  },
});
