/** `tenancy:postgres:Database`: a tenant's own database, with its roles, hardening, schema and tables. */
import { type CallContext, type Handler, ProviderError } from "../handler.ts";
import type { DatabaseInputs, DatabaseOutputs } from "../inputs.ts";
import { assertAdoptable, isInstance, type Mark, newMark, parseMark } from "../mark.ts";
import { DatabaseCatalogue } from "./database-catalogue.ts";
import { checkDatabase } from "./database-check.ts";
import { databaseDifferences, type LiveDatabase, readDatabase } from "./database-live.ts";
import { foreignObject, hardenDatabase, makeDatabase } from "./database-make.ts";
import { innerOf, type Place, placeOf } from "./database-place.ts";
import { assertRestored, assertSource, isRecovered } from "./database-recover.ts";
import { findDatabaseDrift } from "./database-read.ts";
import { closeLogins, removeDatabase } from "./database-remove.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import type { Task } from "./faults.ts";
import { renderFiles } from "./files.ts";
import { readLive } from "./live.ts";
import { identifier, literal } from "./quote.ts";
import { eventOf, schemaWork } from "./schema-work.ts";

export function databaseHandler(dependencies: PostgresDependencies): Handler<DatabaseInputs, DatabaseOutputs> {
  const { pools } = dependencies;
  const work = schemaWork(dependencies);

  function look(context: CallContext, place: Place, inputs: DatabaseInputs): Promise<LiveDatabase | null> {
    const task: Task = { subject: `tenant ${inputs.tenant}`, doing: `looking for the database ${inputs.database}` };
    return pools.run(place.outside, task, (session) => readDatabase(session, inputs), { signal: context.signal });
  }

  /** Everything but the mark that can be mended from outside of the database. */
  async function mendOutside(context: CallContext, place: Place, inputs: DatabaseInputs): Promise<void> {
    const { server, outside } = place;
    const task: Task = { subject: `tenant ${inputs.tenant}`, doing: `mending the database ${inputs.database}` };
    // A new owner may mend what the old one's database did not let be seen.
    for (let round = 0; round < 2; round += 1) {
      const live = await look(context, place, inputs);
      const found = live === null ? [] : databaseDifferences(live, inputs, server);
      if (found.length === 0) return;
      const others = found.flatMap(({ asAdministrator }) => asAdministrator ?? []);
      if (others.length > 0 && server.admin === undefined) {
        throw new ProviderError(
          `tenant ${inputs.tenant}: PostgreSQL database "${inputs.database}" was changed from outside in a way that ` +
            `only an administrator can mend. Run this in another database of the server:\n${others.join("\n")}`,
        );
      }
      if (others.length > 0 && server.admin !== undefined) {
        const admin = { ...server.admin, database: pools.server(outside).database };
        await pools.runAs(outside, admin, task, (session) => session.script(`BEGIN;\n${others.join("\n")}\nCOMMIT;`));
      }
      const mine = found.flatMap(({ asProvisioner }) => asProvisioner ?? []);
      if (mine.length === 0) continue;
      await pools.run(outside, task, (session) => session.script(`BEGIN;\n${mine.join("\n")}\nCOMMIT;`), {
        signal: context.signal,
      });
    }
  }

  async function writeMark(context: CallContext, place: Place, inputs: DatabaseInputs, mark: Mark): Promise<void> {
    const task: Task = { subject: `tenant ${inputs.tenant}`, doing: `marking the database ${inputs.database}` };
    const sql = `COMMENT ON DATABASE ${identifier(inputs.database)} IS ${literal(JSON.stringify(mark))}`;
    await pools.run(place.outside, task, (session) => session.script(sql), { signal: context.signal });
  }

  /**
   * @returns what of somebody's is inside
   */
  function lookInside(place: Place, inputs: DatabaseInputs, schema: string | undefined): Promise<string | undefined> {
    const task: Task = { subject: `tenant ${inputs.tenant}`, doing: `looking into the database ${inputs.database}` };
    return pools.run(place.inside, task, (session) => foreignObject(session, schema));
  }

  /** @throws ProviderError when what is there may not be taken over. */
  async function takeOver(
    context: CallContext,
    place: Place,
    inputs: DatabaseInputs,
    live: LiveDatabase,
    mark: Mark,
  ): Promise<void> {
    const { urn, adopt } = context;
    const found = { what: `PostgreSQL database "${inputs.database}"`, mark: parseMark(live.comment) };
    if (isRecovered(inputs)) {
      assertSource(found.what, found.mark, inputs, urn);
      await assertRestored(pools, place, inputs);
      return mendOutside(context, place, inputs);
    }
    // On a server that was made for the tenant, another resource of the program may have made its database.
    const isNew = place.apart && found.mark === undefined && live.owner === place.server.provisioner.user;
    if (isNew && (await lookInside(place, inputs, undefined)) === undefined) {
      await writeMark(context, place, inputs, mark);
      return mendOutside(context, place, inputs);
    }
    assertAdoptable({ ...found, data: undefined }, urn, inputs.tenant, adopt);
    await mendOutside(context, place, inputs);
    const data = await lookInside(place, inputs, inputs.schema);
    assertAdoptable({ ...found, data }, urn, inputs.tenant, adopt);
  }

  return {
    type: "tenancy:postgres:Database",
    replaceOn: ["server", "tenant", "database", "schema", "ownerRole", "appRole", "readOnlyRole", "recoveredFrom"],
    secrets: ["password", "readOnlyPassword", "connectionPassword"],

    check: (_context, olds, news) => checkDatabase(dependencies, olds, news),

    preview: (inputs) => ({ ...inputs }),

    async create(context, inputs) {
      const place = placeOf(pools, inputs);
      const inner = innerOf(inputs, place);
      const catalogue = new DatabaseCatalogue(pools, place, inputs);
      // A file that cannot be read is told before anything is made.
      renderFiles(dependencies, inner);
      await catalogue.assertFree(context.urn);
      const mark = newMark(context.urn, inputs.tenant);
      const live = await look(context, place, inputs);
      if (live !== null) await takeOver(context, place, inputs, live, mark);
      else if (isRecovered(inputs)) assertSource(`PostgreSQL database "${inputs.database}"`, null, inputs, context.urn);
      else await makeDatabase(pools, context, place, inputs, mark);
      await hardenDatabase(dependencies, context, place, inputs);
      if (isRecovered(inner)) await work.recover(context, inner, mark);
      else await work.create(context, inner, mark);
      if (live !== null) await writeMark(context, place, inputs, mark);
      const event = live === null ? "create" : isRecovered(inputs) ? "recover" : "adopt";
      await catalogue.record(context.urn, event);
      return { id: inputs.database, outputs: outputsOf(inputs, mark) };
    },

    async read(context, _id, inputs, outputs) {
      const wanted: DatabaseOutputs = { ...outputs, ...inputs };
      const place = placeOf(pools, outputs);
      const live = await look(context, place, wanted);
      if (live === null) return undefined;
      const drift = await findDatabaseDrift(dependencies, context, place, wanted, live);
      return { inputs: drift.length > 0 ? { ...inputs, drift } : inputs, outputs };
    },

    async update(context, _id, outputs, news) {
      const place = placeOf(pools, news);
      const live = await look(context, place, news);
      assertInstance(live, outputs);
      if (news.state !== "active") {
        const task: Task = { subject: `tenant ${news.tenant}`, doing: "closing its logins" };
        await pools.run(place.outside, task, (session) => closeLogins(session, news), { signal: context.signal });
      }
      await mendOutside(context, place, news);
      await hardenDatabase(dependencies, context, place, news);
      await assertSchema(context, place, news);
      const mayMake = context.adopt.has(news.tenant);
      const mark = await work.change(context, innerOf(outputs, place), innerOf(news, place), mayMake);
      if (JSON.stringify(parseMark(live?.comment)) !== JSON.stringify(mark)) {
        await writeMark(context, place, news, mark);
      }
      await new DatabaseCatalogue(pools, place, news).record(context.urn, eventOf(outputs, news));
      return outputsOf(news, mark);
    },

    delete: (context, _id, outputs) => removeDatabase(pools, context, outputs),

    close: () => pools.close(),
  };

  /** @throws ProviderError where the data is gone and nobody said that an empty schema is wanted. */
  async function assertSchema(context: CallContext, place: Place, news: DatabaseInputs): Promise<void> {
    const inner = innerOf(news, place);
    const task: Task = { subject: `tenant ${news.tenant}`, doing: `looking for the schema ${news.schema}` };
    const live = await pools.run(place.inside, task, (session) => readLive(session, inner, "brief"));
    if (live.schema !== null || context.adopt.has(news.tenant)) return;
    throw new ProviderError(
      `tenant ${news.tenant}: the schema ${news.schema} is gone from the PostgreSQL database "${news.database}". ` +
        `Restore it from a backup, or have an empty one made with \`tenancy adopt ${news.tenant}\`.`,
    );
  }
}

function outputsOf(inputs: DatabaseInputs, mark: Mark): DatabaseOutputs {
  return { ...inputs, markUrn: mark.urn, instanceToken: mark.token };
}

/** @throws ProviderError when the database is gone or is another instance's. */
function assertInstance(live: LiveDatabase | null, outputs: DatabaseOutputs): void {
  const what = `tenant ${outputs.tenant}: PostgreSQL database "${outputs.database}"`;
  if (live === null) {
    throw new ProviderError(
      `${what} is gone. Restore it from a backup, or run a refresh and then an update, which makes an empty one.`,
    );
  }
  const mark = parseMark(live.comment);
  // A lost mark is written again: the state knows the database as its own.
  if (mark === undefined || isInstance(mark, outputs)) return;
  throw new ProviderError(
    `${what} belongs to another instance (resource ${mark.urn}). Run a refresh; two stacks may not share a database.`,
  );
}
