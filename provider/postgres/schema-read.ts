/** Looks at a tenant that the system catalogues alone cannot answer. */
import type { SchemaInputs } from "../inputs.ts";
import type { Live } from "./live.ts";
import type { PostgresPools, Session } from "./pool.ts";

/** Keeps the time of the tenant's last read or write in the catalogue. */
export async function recordActivity(session: Session, inputs: SchemaInputs): Promise<void> {
  await session.query(
    `UPDATE platform.tenants SET last_activity = greatest(last_activity,
       (SELECT max(greatest(last_seq_scan, last_idx_scan)) FROM pg_catalog.pg_stat_user_tables WHERE schemaname = $1))
     WHERE id = $2`,
    [inputs.schema, inputs.tenant],
  );
}

/** Sentences for logins whose password is not the state's; only a login proves it. */
export async function proofOfLogins(pools: PostgresPools, inputs: SchemaInputs, live: Live): Promise<string[]> {
  if (inputs.state !== "active") return [];
  const drift: string[] = [];
  const logins = [
    { user: inputs.appRole, password: inputs.password },
    { user: inputs.readOnlyRole, password: inputs.readOnlyPassword },
  ];
  for (const login of logins) {
    // A role that may not log in is told about already.
    if (live.roles[login.user]?.login !== true) continue;
    const task = { subject: `tenant ${inputs.tenant}`, doing: `logging in as ${login.user}` };
    if (!(await pools.canLogIn(inputs.server, login, task))) {
      drift.push(`the password of the role ${login.user} is not the one of the state`);
    }
  }
  return drift;
}
