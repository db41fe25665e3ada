/** Where a pool's tenant differs from what it has to be: its logins, what they may, and who is bound to its rows. */
import type { PostgresServer } from "../config.ts";
import { type Finding, repairable, tellAll } from "../finding.ts";
import type { CallContext } from "../handler.ts";
import type { PoolTenantInputs, PoolTenantOutputs } from "../inputs.ts";
import { isInstance, parseMark } from "../mark.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import { type Difference, listed, toFinding } from "./difference.ts";
import { reachDifferences } from "./drift-reach.ts";
import { databaseDifferences, membershipDifferences, oneRoleDifferences } from "./drift-roles.ts";
import { loginsTable, joinGroupSql, within } from "./pool-sql.ts";
import { type LivePoolTenant, memberOf } from "./pool-tenant-live.ts";
import { identifier, literal } from "./quote.ts";
import { proofOfLogins } from "./schema-read.ts";

/** What an update mends. */
export function poolTenantDifferences(
  live: LivePoolTenant,
  inputs: PoolTenantInputs,
  server: PostgresServer,
): Difference[] {
  const open = inputs.state === "active";
  const roles = [
    { name: inputs.appRole, login: open, limit: inputs.connectionLimit },
    { name: inputs.readOnlyRole, login: open, limit: inputs.readOnlyConnectionLimit },
  ];
  return [
    ...roles.flatMap((role) => oneRoleDifferences(live, role, inputs, server.database)),
    ...groupDifferences(live, inputs, server),
    ...databaseDifferences(live, inputs, server),
    ...reachDifferences(live.reach, "beyond the rights of its pool"),
    ...(live.pool ? [...memberDifferences(live, inputs), ...loginDifferences(live, inputs)] : []),
  ];
}

/** Each login is a member of its pool's group, with the group's rights and without its place, and of nothing else. */
function groupDifferences(live: LivePoolTenant, inputs: PoolTenantInputs, server: PostgresServer): Difference[] {
  const { user } = server.provisioner;
  const pairs = [
    { group: inputs.poolAppRole, login: inputs.appRole },
    { group: inputs.poolReadOnlyRole, login: inputs.readOnlyRole },
  ];
  const ours = live.memberships.filter(
    ({ role, member, grantor }) =>
      grantor === user && pairs.some(({ group, login }) => group === role && login === member),
  );
  const missing = pairs.flatMap(({ group, login }): Difference[] => {
    const found = ours.find(({ role, member }) => role === group && member === login);
    if (found !== undefined && found.inherit && !found.set && !found.admin) return [];
    const options = found === undefined ? "no member" : optionsText(found);
    return [
      {
        sentence: `the role ${login} is ${found === undefined ? "no member" : `a member with ${options}`} of ${group}`,
        field: `role ${login}: membership in ${group}`,
        is: options,
        should: optionsText({ inherit: true, set: false, admin: false }),
        asProvisioner: [
          ...(found === undefined ? [] : [`REVOKE ${identifier(group)} FROM ${identifier(login)} CASCADE;`]),
          joinGroupSql(group, login),
        ],
      },
    ];
  });
  const others = live.memberships.filter((membership) => !ours.includes(membership));
  return [...membershipDifferences({ memberships: others }, inputs, server), ...missing];
}

function optionsText({ inherit, set, admin }: { inherit: boolean; set: boolean; admin: boolean }): string {
  return `INHERIT ${word(inherit)}, SET ${word(set)}, ADMIN ${word(admin)}`;
}

function word(value: boolean): string {
  return value ? "TRUE" : "FALSE";
}

/** The script of an update enters member and logins anew: these have no statements of their own. */
function memberDifferences(live: LivePoolTenant, inputs: PoolTenantInputs): Difference[] {
  const member = memberOf(live, inputs);
  const field = `pool ${inputs.pool}: membership`;
  if (member === undefined) {
    const sentence = `the tenant is no member of the pool ${inputs.pool}: nobody sees its rows`;
    return [{ sentence, field, is: "none", should: "there", asOwner: [] }];
  }
  const active = inputs.state === "active";
  if (member.active === active) return [];
  const is = member.active ? "active" : "not active";
  return [
    {
      sentence: `the tenant's membership of the pool ${inputs.pool} is ${is} in the state ${inputs.state}`,
      field,
      is,
      should: active ? "active" : "not active",
      asOwner: [],
    },
  ];
}

/** A login that is bound to another tenant reads that tenant's rows; one too many reads this one's. */
function loginDifferences(live: LivePoolTenant, inputs: PoolTenantInputs): Difference[] {
  const { tenantId } = inputs;
  const own = [inputs.appRole, inputs.readOnlyRole];
  const wrong = own.flatMap((login): Difference[] => {
    const found = live.logins.find((one) => one.login === login);
    if (found?.kind === "tenant" && found.tenantId === tenantId) return [];
    const is = found === undefined ? "no tenant" : (found.tenantId ?? `the kind ${found.kind}`);
    return [
      {
        sentence: `the login ${login} is bound to ${is}, not to its tenant`,
        field: `login ${login}: tenant`,
        is,
        should: tenantId,
        asOwner: [],
      },
    ];
  });
  const strangers = live.logins.filter(({ login }) => !own.includes(login));
  return [
    ...wrong,
    ...strangers.map(({ login }) => ({
      sentence: `the login ${login} is bound to the tenant, and is none of its own`,
      field: `login ${login}: tenant`,
      is: tenantId,
      should: "no bond",
      asOwner: [
        `DELETE FROM ${within(inputs, loginsTable)} WHERE login = ${literal(login)} AND tenant_id = ${literal(tenantId)};`,
      ],
    })),
  ];
}

/** Everything that differs, told to the context and given as sentences. */
export async function findPoolTenantDrift(
  { pools }: PostgresDependencies,
  context: CallContext,
  wanted: PoolTenantInputs,
  outputs: PoolTenantOutputs,
  live: LivePoolTenant,
): Promise<string[]> {
  const server = pools.server(outputs.server);
  return tellAll(context, [
    ...poolFindings(live, wanted),
    ...poolTenantDifferences(live, wanted, server).map((difference) => toFinding(difference, server)),
    ...markFindings(live, outputs),
    ...catalogueFindings(live, wanted),
    ...(await proofOfLogins(pools, wanted, live)),
  ]);
}

/** What a person has to look at first. */
function poolFindings(live: LivePoolTenant, wanted: PoolTenantInputs): Finding[] {
  const byHand = (field: string, is: string, should: string, sentence: string, advice: string): Finding => ({
    field,
    is,
    should,
    sentence,
    mend: "by hand",
    statements: [advice],
  });
  if (!live.pool) {
    const sentence = `the schema ${wanted.schema} of the pool ${wanted.pool} is not there`;
    return [byHand(`pool ${wanted.pool}`, "missing", "there", sentence, "-- restore it from a backup")];
  }
  const strangers = live.members.filter((member) => member !== memberOf(live, wanted));
  return strangers.map(({ tenant, tenantId }) =>
    byHand(
      `pool ${wanted.pool}: membership`,
      `${tenant} with ${tenantId}`,
      `${wanted.tenant} with ${wanted.tenantId}`,
      `the pool ${wanted.pool} has the member ${tenant} with the tenant_id ${tenantId}`,
      "-- one tenant, one tenant_id: find out whose rows these are before you change anything",
    ),
  );
}

function markFindings(live: LivePoolTenant, outputs: PoolTenantOutputs): Finding[] {
  const member = memberOf(live, outputs);
  if (member === undefined) return [];
  const mark = parseMark(member.mark);
  const field = `pool ${outputs.pool}: mark`;
  const should = `the mark of ${outputs.markUrn}`;
  if (mark === undefined) {
    return [repairable(field, "none", should, `the tenant's membership of the pool ${outputs.pool} has lost its mark`)];
  }
  if (isInstance(mark, outputs)) return [];
  return [
    {
      field,
      is: `the mark of ${mark.urn}`,
      should,
      sentence: `the tenant's membership of the pool ${outputs.pool} carries another instance's mark`,
      mend: "by hand",
      statements: ["-- two stacks may not share a tenant: find out which state is the right one"],
    },
  ];
}

/** The row is written by every update. */
function catalogueFindings(live: LivePoolTenant, { tenant }: PoolTenantInputs): Finding[] {
  if (live.row !== null) return [];
  const sentence = `the catalogue has no entry of the tenant ${tenant}`;
  return [repairable(`catalogue entry ${tenant}`, "missing", "there", sentence)];
}

/** Members with the tenant's id or its `tenant_id`, in words; empty where there is none but itself. */
export function strangersText(live: LivePoolTenant, inputs: PoolTenantInputs): string {
  const strangers = live.members.filter((member) => member !== memberOf(live, inputs));
  return listed(
    strangers.map(({ tenant, tenantId }) => `${tenant} with the tenant_id ${tenantId}`),
    "",
  );
}
