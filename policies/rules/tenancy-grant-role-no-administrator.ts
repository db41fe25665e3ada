import { resourceRule } from "../rule.ts";
import { names } from "../support/settings.ts";
import { isTrue, subjectOf } from "../support/verdict.ts";
import { at, list, text } from "../values.ts";

/** Members read all tenants' tables, files of the server, or everybody's queries. */
const powerful =
  /^(pg_(read_all_data|write_all_data|read_server_files|write_server_files|execute_server_program|maintain|checkpoint|signal_backend|monitor|read_all_stats|read_all_settings|stat_scan_tables|create_subscription|use_reserved_connections)|rds_(superuser|replication|password)|cloudsqlsuperuser|azure_pg_admin|postgres)$/;

export default resourceRule<{ provisioners: readonly string[] }>({
  name: "tenancy-grant-role-no-administrator",
  subject: "isolation",
  description: "No role but the provisioner is a member of an administrator's role, or may make others members.",
  reason: "pg_read_all_data reads every tenant's rows; pg_read_server_files reads the files beneath them.",
  source: {
    title: "PostgreSQL manual, 21.5 Predefined Roles",
    url: "https://www.postgresql.org/docs/current/predefined-roles.html",
  },
  remediation: "Grant rights on the tenant's own schema instead",
  severity: "critical",
  enforcement: "mandatory",
  types: ["postgresql:index/grantRole:GrantRole", "postgresql:index/role:Role"],
  settings: { provisioners: names("Names of roles that this may be granted to.", ["tenancy_provisioner"]) },
  *check(resource, { settings }) {
    const isGrant = resource.type.endsWith(":GrantRole");
    const member = text(isGrant ? resource.props.role : resource.props.name) ?? resource.name;
    if (settings.provisioners.includes(member)) return;
    const groups = isGrant ? [at(resource.props, "grantRole")] : list(resource.props.roles);
    for (const group of groups) {
      if (typeof group === "string" && powerful.test(group)) {
        yield { message: `${subjectOf(resource)} makes ${member} a member of ${group}` };
      }
    }
    if (isTrue(resource.props.withAdminOption)) yield { message: `${subjectOf(resource)} has the admin option` };
  },
});
