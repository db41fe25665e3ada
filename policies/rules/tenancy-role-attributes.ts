import { resourceRule } from "../rule.ts";
import { names } from "../support/settings.ts";
import { isTrue, subjectOf } from "../support/verdict.ts";
import { text } from "../values.ts";

const attributes: Readonly<Record<string, string>> = {
  superuser: "SUPERUSER",
  bypassRowLevelSecurity: "BYPASSRLS",
  createRole: "CREATEROLE",
  createDatabase: "CREATEDB",
  replication: "REPLICATION",
};

export default resourceRule<{ provisioners: readonly string[] }>({
  name: "tenancy-role-attributes",
  subject: "isolation",
  description:
    "No role of PostgreSQL but the provisioner has SUPERUSER, BYPASSRLS, CREATEROLE, CREATEDB or REPLICATION.",
  reason: "Each of them passes the boundary between tenants: row security, grants, or the write-ahead log of all.",
  source: {
    title: "CIS PostgreSQL Benchmark 4.3, Ensure excessive administrative privileges are revoked",
    url: "https://www.postgresql.org/docs/current/role-attributes.html",
  },
  remediation:
    "Leave the attribute out; a provisioner's name goes into the setting provisioners, and never gets SUPERUSER",
  severity: "critical",
  enforcement: "mandatory",
  types: ["postgresql:index/role:Role"],
  settings: { provisioners: names("Names of roles that may have CREATEROLE and CREATEDB.", ["tenancy_provisioner"]) },
  *check(role, { settings }) {
    const provisions = settings.provisioners.includes(text(role.props.name) ?? role.name);
    for (const [property, attribute] of Object.entries(attributes)) {
      if (!isTrue(role.props[property])) continue;
      if (provisions && ["CREATEROLE", "CREATEDB"].includes(attribute)) continue;
      yield { message: `${subjectOf(role)} has ${attribute}` };
    }
  },
});
