/** The canary of a pool: a member of it for the time of a run, with rows of its own. */
import { randomBytes } from "node:crypto";
import { canaryPrefix, poolNames, poolTenantId, postgresNames } from "../../components/naming.ts";
import type { PostgresServer } from "../../provider/config.ts";
import type { PoolTenantInputs } from "../../provider/inputs.ts";
import type { PoolRecord } from "../../tenants/load.ts";
import type { PostgresParty } from "../party.ts";

/** @param connections - of each login */
export function poolCanaryInputs(id: string, pool: PoolRecord, connections: number): PoolTenantInputs {
  const { schema, ownerRole, appRole: poolAppRole, readOnlyRole: poolReadOnlyRole } = poolNames(pool.name);
  const { appRole, readOnlyRole } = postgresNames(canaryPrefix, id);
  const externalId = `canary-${id}`;
  return {
    ...{ server: pool.server, tenant: id, state: "active", externalId, displayName: id, pool: pool.name },
    ...{ schema, ownerRole, poolAppRole, poolReadOnlyRole, appRole, readOnlyRole },
    tenantId: poolTenantId(externalId),
    ...{ connectionLimit: connections, readOnlyConnectionLimit: connections },
    ...{ template: pool.template, variables: pool.variables },
    password: randomBytes(24).toString("base64url"),
    readOnlyPassword: randomBytes(24).toString("base64url"),
  };
}

export function poolCanaryParty(
  inputs: PoolTenantInputs,
  place: { readonly name: string; readonly server: PostgresServer; readonly embedded: boolean },
): PostgresParty {
  const { pool, schema, ownerRole, poolAppRole, poolReadOnlyRole, appRole, readOnlyRole, tenantId } = inputs;
  const { password, readOnlyPassword } = inputs;
  return {
    ...place,
    ...{ names: { schema, ownerRole, appRole, readOnlyRole }, password, readOnlyPassword },
    pool: { name: pool, appGroup: poolAppRole, readOnlyGroup: poolReadOnlyRole, tenantId },
  };
}
