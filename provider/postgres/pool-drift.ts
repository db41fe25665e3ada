function applicationDifferences(seen: PoolLive, inputs: PoolInputs, application: string | undefined): Difference[] {
  if (application === undefined || seen.application !== true) return [];
  const right = seen.memberships.some(
    ({ role, member, admin, inherit, set }) =>
      role === inputs.appRole && member === application && set && !inherit && !admin,
  );
  if (right) return [];
  return [
    {
      sentence: `the trusted login ${application} cannot take the role ${inputs.appRole}`,
      field: `role ${application}: memberships`,
      is: "no member",
      should: `member of ${inputs.appRole}, inherit false, set true`,
      asProvisioner: [grantApplicationSql(inputs.appRole, application)],
    },
  ];
}

/** Which logins may choose a tenant by the setting: the two that the platform names, and nobody else. */
export function loginDifferences(seen: PoolLive, inputs: PoolInputs, server: PostgresServer): Difference[] {
  if (seen.logins === null) return [];
  const wanted = new Map<string, "application" | "provisioner">([
    ...(server.application === undefined ? [] : [[server.application.user, "application"] as const]),
    [server.provisioner.user, "provisioner"],
  ]);
  const missing = [...wanted]
    .filter(([login, kind]) => !(seen.logins ?? []).some((entry) => entry.login === login && entry.kind === kind))
    .map(([login, kind]): Difference => ({
      sentence: `the pool does not know the login ${login} of the ${kind}`,
      field: `login ${login} in ${loginsTable}`,
      is: "missing",
      should: kind,
      asOwner: [loginSql(inputs, login, { kind })],
    }));
  const strangers = seen.logins
    .filter(({ login, kind }) => kind !== "tenant" && wanted.get(login) !== kind && !wanted.has(login))
    .map(({ login, kind }): Difference => ({
      sentence: `the pool takes the login ${login} for the ${kind}`,
      field: `login ${login} in ${loginsTable}`,
      is: kind,
      should: "not there",
      asOwner: [`DELETE FROM ${within(inputs, loginsTable)} WHERE login = ${literal(login)};`],
    }));
  return [...missing, ...strangers];
}

/** A pool gives its rights on each object; what a later object gets by itself would pass by its rules. */
function defaultDifferences({ live }: PoolLive, inputs: PoolInputs): Difference[] {
  const entries = live.defaults.filter(({ grantee }) => grantee !== inputs.ownerRole);
  if (entries.length === 0) return [];
  const kinds: Readonly<Record<string, string>> = { r: "TABLES", S: "SEQUENCES", f: "FUNCTIONS", T: "TYPES" };
  const own = (privilege: string) => (privilege === "PUBLIC" ? "PUBLIC" : identifier(privilege));
  return [
    {
      sentence: `${inputs.ownerRole} has default privileges`,
      field: `role ${inputs.ownerRole}: default privileges`,
      is: listed(
        entries.map(({ kind, grantee, privilege }) => `${privilege} on ${kinds[kind] ?? kind} for ${grantee}`),
      ),
      should: "none",
      asOwner: entries.map(
        ({ kind, grantee, global }) =>
          `ALTER DEFAULT PRIVILEGES ${global ? "" : `IN SCHEMA ${identifier(inputs.schema)} `}` +
          `REVOKE ALL ON ${kinds[kind] ?? "TABLES"} FROM ${own(grantee)};`,
      ),
    },
  ];
}
