/** Reads what `tenancy pool-check` judges: as the provisioner, in one transaction that is rolled back. */
import { ProviderError } from "../provider/handler.ts";
import { listed } from "../provider/postgres/difference.ts";
import { readPool } from "../provider/postgres/pool-live.ts";
import type { PostgresPools, Session } from "../provider/postgres/pool.ts";
import { type PoolCheck, poolChecks, type PoolExpectation, type PoolSurroundings } from "./pool-checks.ts";
import { UserError } from "./user-error.ts";

/** @throws UserError when the pool is not there, or the server cannot be asked. */
export async function checkPool(pools: PostgresPools, expected: PoolExpectation): Promise<PoolCheck[]> {
  try {
    return await look(pools, expected);
  } catch (error) {
    throw error instanceof ProviderError ? new UserError(error.message) : error;
  }
}

function look(pools: PostgresPools, expected: PoolExpectation): Promise<PoolCheck[]> {
  const { inputs, server } = expected;
  return pools.run(
    inputs.server,
    { subject: `pool ${inputs.pool}`, doing: "looking at what keeps its tenants apart" },
    async (session) => {
      await session.script("BEGIN");
      try {
        const live = await readPool(session, inputs, server.application?.user);
        if (live.live.schema === null) {
          throw new UserError(
            `pool ${inputs.pool}: the server "${inputs.server}" has no schema ${inputs.schema}. Run \`npm run up\` first.`,
          );
        }
        if (live.logins === null) {
          const roles = listed([inputs.ownerRole, inputs.appRole, inputs.readOnlyRole]);
          throw new UserError(
            `pool ${inputs.pool}: the tables of the tool in the schema ${inputs.schema} are gone or belong to another role ` +
              `than the pool's (${roles}). Run \`npm run -s tenancy -- drift\` for what differs.`,
          );
        }
        const logins = live.logins.map(({ login }) => login);
        return poolChecks(live, await lookAround(session, expected, logins), expected);
      } finally {
        await session.script("ROLLBACK");
      }
    },
  );
}

async function lookAround(
  session: Session,
  { inputs, extensions }: PoolExpectation,
  logins: readonly string[],
): Promise<PoolSurroundings> {
  const needsVector = extensions.includes("vector");
  const there = await session.query<{ name: string }>("SELECT extname AS name FROM pg_catalog.pg_extension");
  const names = there.map(({ name }) => name);
  const unchecked = await session.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (k.conkey) AND a.attname = 'tenant_id'
     WHERE k.contype = 'n' AND NOT k.convalidated AND n.nspname = $1 ORDER BY c.relname`,
    [inputs.schema],
  );
  const bypassing = await session.query<{ name: string; by: string }>(
    `WITH RECURSIVE acting AS (
       SELECT oid FROM pg_catalog.pg_roles WHERE rolname = ANY ($1)
       UNION SELECT m.member FROM acting JOIN pg_catalog.pg_auth_members m ON m.roleid = acting.oid
     )
     SELECT r.rolname AS name, CASE WHEN r.rolsuper THEN 'superuser' ELSE 'BYPASSRLS' END AS by
     FROM acting JOIN pg_catalog.pg_roles r USING (oid) WHERE r.rolsuper OR r.rolbypassrls ORDER BY r.rolname`,
    [[inputs.ownerRole, inputs.appRole, inputs.readOnlyRole, ...logins]],
  );
  const dead = await session.query<{ role: string; setting: string }>(
    `SELECT coalesce(r.rolname::text, 'every role') AS role, split_part(setting, '=', 1) AS setting
     FROM pg_catalog.pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) AS setting
     LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
     WHERE s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
       AND setting LIKE 'vector.%' ORDER BY role, setting`,
  );
  return {
    extensions: names,
    unchecked: unchecked.map(({ name }) => name),
    bypassing: bypassing.map(
      ({ name, by }) => `the role ${name} is ${by === "superuser" ? "a superuser" : "BYPASSRLS"}`,
    ),
    searchWidth: needsVector ? names.includes("vector") && (await knowsSearchWidth(session)) : undefined,
    deadSettings: dead.map(({ role, setting }) => `${setting} of ${role}`),
  };
}

/** The server knows the settings of an extension once its library is loaded, which the first use does. */
async function knowsSearchWidth(session: Session): Promise<boolean> {
  await session.query("SELECT '[1]'::extensions.vector");
  const [row] = await session.query<{ known: boolean }>(
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_settings WHERE name = 'hnsw.ef_search') AS known",
  );
  return row?.known === true;
}
