import { resourceRule } from "../rule.ts";
import { cnpgCluster } from "../support/kubernetes-types.ts";
import { isTrue, subjectOf } from "../support/verdict.ts";
import { at, list, text } from "../values.ts";

const attributes = ["superuser", "bypassrls", "createrole", "createdb", "replication"];

export default resourceRule<{ provisioners: readonly string[] }>({
  name: "tenancy-cnpg-no-superuser",
  subject: "isolation",
  description: "A CloudNativePG cluster has no superuser that logs in, and its managed roles have no attribute of one.",
  reason: "A superuser reads the server's files, the backups' credentials among them, and turns TLS off.",
  source: {
    title: "CloudNativePG, Security: enableSuperuserAccess",
    url: "https://cloudnative-pg.io/documentation/current/security/",
  },
  remediation: "Leave enableSuperuserAccess at false; take the attribute from spec.managed.roles",
  severity: "critical",
  enforcement: "mandatory",
  types: [cnpgCluster],
  settings: {
    provisioners: {
      description: "Names of managed roles that may have createrole and createdb.",
      schema: { type: "array", items: { type: "string" } },
      fallback: ["tenancy_provisioner"],
    },
  },
  *check(cluster, { settings }) {
    const access = at(cluster.props, "spec", "enableSuperuserAccess");
    if (isTrue(access)) yield { message: `${subjectOf(cluster)}: enableSuperuserAccess is true` };
    for (const role of list(at(cluster.props, "spec", "managed", "roles"))) {
      const name = text(at(role, "name")) ?? "";
      if (at(role, "ensure") === "absent") continue;
      for (const attribute of attributes) {
        if (!isTrue(at(role, attribute))) continue;
        if (settings.provisioners.includes(name) && ["createrole", "createdb"].includes(attribute)) continue;
        yield { message: `${subjectOf(cluster)}: the role ${name} has ${attribute}` };
      }
    }
  },
});
