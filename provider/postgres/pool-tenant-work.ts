/** The work on a pool's tenant: made in one transaction, taken over where a crashed run left it, and mended. */
import { type CallContext, ProviderError } from "../handler.ts";
import type { PoolTenantInputs, PoolTenantOutputs } from "../inputs.ts";
import { assertAdoptable, isInstance, type Mark, parseMark } from "../mark.ts";
import { mendAsAdministrator } from "./administrator.ts";
import { locate } from "./applied.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import type { Task } from "./faults.ts";
import { type Verifiers, verifiersOf } from "./logins.ts";
import { renderSeeds } from "./pool-tenant-check.ts";
import { poolTenantDifferences, strangersText } from "./pool-tenant-drift.ts";
import { isThere, type LivePoolTenant, memberOf, readPoolTenant } from "./pool-tenant-live.ts";
import { asOwnerOf, tablesOf, tableWithRows } from "./pool-tenant-rows.ts";
import { fillScript, joinScript, mendPoolTenantScript, seededSchema } from "./pool-tenant-script.ts";
import type { Session } from "./pool.ts";
import { assertFree, eventOf } from "./schema-work.ts";
import { endSessions } from "./sessions.ts";

export interface PoolTenantWork {
  /** Makes the tenant a member of its pool, or takes over what a crashed run left of it. */
  create(context: CallContext, inputs: PoolTenantInputs, mark: Mark): Promise<void>;
  /** Makes the tenant what the news ask; the mark keeps its token. */
  change(context: CallContext, outputs: PoolTenantOutputs, news: PoolTenantInputs): Promise<Mark>;
}

export function poolTenantWork(dependencies: PostgresDependencies): PoolTenantWork {
  const { pools } = dependencies;

  async function make(
    session: Session,
    context: CallContext,
    inputs: PoolTenantInputs,
    mark: Mark,
    verifiers: Verifiers,
  ): Promise<void> {
    const options = { server: pools.server(inputs.server), mark, verifiers };
    const seeds = renderSeeds(dependencies, inputs);
    await session.script(joinScript(inputs, options));
    // Rows without a member: the catalogue is older than the pool, and a seed would meet them.
    await session.script(asOwnerOf(inputs));
    const table = await tableWithRows(session, inputs, await tablesOf(session, inputs));
    await session.script("SET LOCAL ROLE NONE");
    if (table !== undefined) {
      const what = `tenant_id ${inputs.tenantId} of the pool "${inputs.pool}"`;
      assertAdoptable({ what, mark, data: `table ${table} has rows` }, context.urn, inputs.tenant, context.adopt);
    }
    const script = fillScript(inputs, { mark, seeds: table === undefined ? seeds : [], event: "create" });
    try {
      await session.script(script);
    } catch (error) {
      throw locate(error, script, seeds, inputs);
    }
  }

  async function adopt(
    session: Session,
    context: CallContext,
    inputs: PoolTenantInputs,
    live: LivePoolTenant,
    mark: Mark,
    verifiers: Verifiers,
  ): Promise<void> {
    const member = memberOf(live, inputs);
    const found = parseMark(member?.mark);
    // The answer to a COMMIT of this very call was lost.
    if (found?.token === mark.token) return;
    const bound = live.logins.find(
      ({ login, tenantId }) => tenantId !== inputs.tenantId || ![inputs.appRole, inputs.readOnlyRole].includes(login),
    );
    if (bound !== undefined && member === undefined) {
      throw new ProviderError(
        `tenant ${inputs.tenant}: the login "${bound.login}" of the pool "${inputs.pool}" is bound to ` +
          `${bound.tenantId ?? `no tenant (kind ${bound.kind})`}, and the tenant is no member of the pool. ` +
          `Find out whose login it is: nothing here takes it over.`,
      );
    }
    const role = Object.keys(live.roles)[0];
    const what =
      member === undefined && role !== undefined
        ? `PostgreSQL role "${role}"`
        : `the membership of the pool "${inputs.pool}"`;
    const data = member === undefined ? undefined : await findRows(session, inputs);
    assertAdoptable({ what, mark: found, data }, context.urn, inputs.tenant, context.adopt);
    await mend(session, inputs, live, mark, "adopt", verifiers);
  }

  async function mend(
    session: Session,
    inputs: PoolTenantInputs,
    live: LivePoolTenant,
    mark: Mark,
    event: string,
    verifiers: Verifiers,
  ): Promise<void> {
    const server = pools.server(inputs.server);
    let found = poolTenantDifferences(live, inputs, server);
    const outside = found.flatMap(({ asAdministrator }) => asAdministrator ?? []);
    if (outside.length > 0) {
      const place = {
        server: inputs.server,
        subject: `tenant ${inputs.tenant}`,
        object: `a login of the pool "${inputs.pool}"`,
      };
      await mendAsAdministrator(pools, place, outside);
      found = poolTenantDifferences(await readPoolTenant(session, inputs), inputs, server);
    }
    await session.script(mendPoolTenantScript(inputs, found, { mark, verifiers, event }));
    if (inputs.state !== "active") await endSessions(session, inputs);
  }

  return {
    async create(context, inputs, mark) {
      const verifiers = await verifiersOf(inputs);
      const task: Task = { subject: `tenant ${inputs.tenant}`, doing: `joining the pool ${inputs.pool}` };
      const work = async (session: Session) => {
        const live = await readPoolTenant(session, inputs);
        assertFree(live.row, inputs.tenant, context.urn);
        assertPool(live, inputs);
        if (isThere(live)) await adopt(session, context, inputs, live, mark, verifiers);
        else await make(session, context, inputs, mark, verifiers);
      };
      await pools.run(inputs.server, task, work, { signal: context.signal });
    },

    async change(context, outputs, news) {
      const verifiers = await verifiersOf(news);
      const mark: Mark = { urn: context.urn, tenant: news.tenant, token: outputs.instanceToken };
      const event = eventOf(outputs, news);
      const task: Task = { subject: `tenant ${news.tenant}`, doing: `changing its place in a pool (${event})` };
      const work = async (session: Session) => {
        const live = await readPoolTenant(session, news);
        assertPool(live, news);
        assertInstance(live, outputs);
        await mend(session, news, live, mark, event, verifiers);
      };
      await pools.run(news.server, task, work, { exclusive: true, signal: context.signal });
      return mark;
    },
  };
}

/** A table with rows of the tenant beyond its seeds'; undefined where there is none. */
async function findRows(session: Session, inputs: PoolTenantInputs): Promise<string | undefined> {
  const seeded = await session.query<{ xid: string }>(
    "SELECT DISTINCT xmin::text AS xid FROM platform.applied_files WHERE schema_name = $1",
    [seededSchema(inputs)],
  );
  await session.script(`BEGIN; ${asOwnerOf(inputs)}`);
  const tables = await tablesOf(session, inputs);
  const writers = seeded.map(({ xid }) => xid);
  const table = await tableWithRows(session, inputs, tables, writers);
  await session.query("ROLLBACK");
  return table === undefined ? undefined : `table ${table} has rows`;
}

/** @throws ProviderError where the pool was not made, or has a tenant that must not be met by this one. */
function assertPool(live: LivePoolTenant, inputs: PoolTenantInputs): void {
  if (!live.pool) {
    throw new ProviderError(
      `tenant ${inputs.tenant}: the pool "${inputs.pool}" is not there: no schema "${inputs.schema}" with its members. ` +
        `Run an update with the pool in the registry, or restore the database from a backup.`,
    );
  }
  if (!live.provisioner) {
    throw new ProviderError(
      `tenant ${inputs.tenant}: the pool "${inputs.pool}" does not know the provisioner's login, and shows it no rows. ` +
        `Run a refresh and an update, which mend the pool.`,
    );
  }
  const strangers = strangersText(live, inputs);
  if (strangers !== "") {
    throw new ProviderError(
      `tenant ${inputs.tenant}: the pool "${inputs.pool}" has the member ${strangers}, and this tenant would have ` +
        `the tenant_id ${inputs.tenantId}: two tenants would meet in the same rows. Give the tenant another id and ` +
        `another external id.`,
    );
  }
}

/** @throws ProviderError when the tenant has left its pool, or is another instance's. */
function assertInstance(live: LivePoolTenant, outputs: PoolTenantOutputs): void {
  if (!isThere(live)) {
    throw new ProviderError(
      `tenant ${outputs.tenant}: its logins and its membership of the pool "${outputs.pool}" are gone. ` +
        `Restore them from a backup, or run a refresh and then an update, which makes them anew.`,
    );
  }
  const mark = parseMark(memberOf(live, outputs)?.mark);
  // A lost mark is written again: the state knows the tenant as its own.
  if (mark === undefined || isInstance(mark, outputs)) return;
  throw new ProviderError(
    `tenant ${outputs.tenant}: its membership of the pool "${outputs.pool}" belongs to another instance ` +
      `(resource ${mark.urn}). Run a refresh; two stacks may not share a tenant.`,
  );
}
