import { resourceRule } from "../rule.ts";
import { clusterRole, clusterRoleBinding, role } from "../support/kubernetes-types.ts";
import { names } from "../support/settings.ts";
import { ownTenant } from "../support/tenants.ts";
import { subjectOf } from "../support/verdict.ts";
import { at, list, text } from "../values.ts";

/** Everybody, or everybody of the cluster. */
const groups = ["system:anonymous", "system:unauthenticated", "system:authenticated", "system:serviceaccounts"];

export default resourceRule<{ exempt: readonly string[] }>({
  name: "tenancy-rbac-no-wildcard",
  subject: "isolation",
  description: "Rights in Kubernetes name verbs and resources, and a tenant's rights end at its namespace.",
  reason: "`*` holds secrets of every tenant; a ClusterRoleBinding holds in every namespace.",
  source: {
    title: "CIS Kubernetes Benchmark 5.1.3, Minimize wildcard use in Roles and ClusterRoles",
    url: "https://kubernetes.io/docs/concepts/security/rbac-good-practices/",
  },
  remediation: "Name verbs and resources, and bind with a RoleBinding in the tenant's namespace",
  severity: "critical",
  enforcement: "mandatory",
  types: [role, clusterRole, clusterRoleBinding],
  settings: { exempt: names("Names of resources that were reviewed.") },
  *check(resource, { settings }) {
    if (settings.exempt.includes(resource.name)) return;
    if (resource.type === clusterRoleBinding) {
      if (ownTenant(resource) !== undefined) yield { message: `${subjectOf(resource)} reaches every namespace` };
      for (const subject of list(resource.props.subjects)) {
        const name = text(at(subject, "name")) ?? "";
        if (groups.includes(name)) yield { message: `${subjectOf(resource)} binds ${name}` };
      }
    }
    for (const rule of list(resource.props.rules)) {
      for (const part of ["verbs", "resources"]) {
        if (list(at(rule, part)).includes("*")) yield { message: `${subjectOf(resource)}: a rule has the ${part} *` };
      }
    }
  },
});
