/** `tenancy:neo4j:Database`: a tenant's graph database and its login, on a shared server or an instance of its own. */
import type { Neo4jInstances, Platform } from "../config.ts";
import { type Finding, repairable, tellAll } from "../finding.ts";
import { type CheckFailure, type Handler, isUnknown, ProviderError } from "../handler.ts";
import type { Neo4jDatabaseInputs, Neo4jDatabaseOutputs } from "../inputs.ts";
import { assertAdoptable, isInstance, newMark } from "../mark.ts";
import type { Neo4jBackend } from "./backend.ts";
import { connectServer, type ConnectOptions } from "./client.ts";
import { isDatabaseName, isName } from "./cypher.ts";
import { connectManager, type InstanceManager } from "./instance-manager.ts";
import { instancesBackend } from "./instances-backend.ts";
import { serverBackend } from "./server-backend.ts";

export interface Neo4jDependencies {
  readonly platform: Platform;
  readonly connect?: typeof connectServer;
  readonly connectInstances?: (server: Neo4jInstances) => InstanceManager;
  readonly connection?: ConnectOptions;
}

export function neo4jDatabaseHandler({
  platform,
  connect = connectServer,
  connectInstances,
  connection,
}: Neo4jDependencies): Handler<Neo4jDatabaseInputs, Neo4jDatabaseOutputs> {
  const backends = new Map<string, Neo4jBackend>();

  function backend({ server, tenant }: Neo4jDatabaseInputs): Neo4jBackend {
    const known = backends.get(server);
    if (known !== undefined) return known;
    const config = platform.neo4j[server];
    if (config === undefined) throw new ProviderError(`tenant ${tenant}: ${unknownServer(server, platform)}`);
    const made =
      config.kind === "server"
        ? serverBackend(config, connect(config, connection))
        : instancesBackend(config, connectInstances?.(config) ?? connectManager(config, connection), (instance) =>
            connect(instance, connection),
          );
    backends.set(server, made);
    return made;
  }

  return {
    type: "tenancy:neo4j:Database",
    replaceOn: ["server", "tenant", "database", "role", "username"],
    secrets: ["password"],

    async check(context, olds, news) {
      const failures = checkInputs(news, platform);
      if (failures.length > 0 || olds !== undefined || [news.server, news.database].some(isUnknown)) return failures;
      try {
        const { refusal, warning } = await backend(news).outlook(news, context.signal);
        if (warning !== undefined) context.warn(`tenant ${news.tenant}: Neo4j server "${news.server}": ${warning}`);
        if (refusal === undefined) return failures;
        const reason = `tenant ${news.tenant}: Neo4j server "${news.server}": ${refusal}`;
        return [{ property: "server", reason }];
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        return [{ property: "server", reason: error.message }];
      }
    },

    preview: (inputs) => ({ ...inputs, ...endpointOf(inputs) }),

    create: (context, inputs) =>
      forTenant(inputs, async () => {
        const store = backend(inputs);
        const live = await store.find(context, inputs);
        if (live !== undefined) {
          const data = await store.data(context, inputs);
          assertAdoptable({ ...live, data }, context.urn, inputs.tenant, context.adopt);
        }
        const mark = newMark(context.urn, inputs.tenant);
        const endpoint = await store.apply(context, inputs, mark, live !== undefined);
        return {
          id: `${inputs.server}/${inputs.database}`,
          outputs: { ...inputs, ...endpoint, markUrn: context.urn, instanceToken: mark.token },
        };
      }),

    read: (context, _id, inputs, outputs) =>
      forTenant(inputs, async () => {
        const store = backend(inputs);
        const live = await store.find(context, inputs);
        if (live === undefined) return undefined;
        const found: Finding[] = [];
        const field = `mark of ${inputs.database}`;
        if (live.mark === undefined) {
          found.push(repairable(field, "missing", "there", `the mark of Neo4j database ${inputs.database} is missing`));
        } else if (!isInstance(live.mark, outputs)) {
          const sentence = `Neo4j database ${inputs.database} is marked as another instance's, of ${live.mark.urn}`;
          const statements = [`-- if this stack's state is the right one: npm run tenancy -- adopt ${inputs.tenant}`];
          found.push({ field, is: live.mark.urn, should: outputs.markUrn, sentence, mend: "by hand", statements });
        }
        found.push(...(await store.drift(context, inputs)));
        const drift = tellAll(context, found);
        return { inputs: drift.length === 0 ? inputs : { ...inputs, drift }, outputs: { ...outputs, ...inputs } };
      }),

    update: (context, _id, outputs, news) =>
      forTenant(news, async () => {
        const store = backend(news);
        const mark = (await store.find(context, news))?.mark;
        if (mark !== undefined && !isInstance(mark, outputs) && !context.adopt.has(news.tenant)) {
          throw new ProviderError(
            `Neo4j database "${news.database}" is marked as another instance's, of ${mark.urn}. ` +
              `If this stack's state is the right one, take the database over with \`tenancy adopt ${news.tenant}\`.`,
          );
        }
        const own = { urn: context.urn, tenant: news.tenant, token: outputs.instanceToken };
        const endpoint = await store.apply(context, news, own, outputs.password !== news.password);
        return { ...news, ...endpoint, markUrn: context.urn, instanceToken: outputs.instanceToken };
      }),

    delete: (context, _id, outputs) =>
      forTenant(outputs, async () => {
        const store = backend(outputs);
        const { database, role, username, tenant } = outputs;
        if (!isDatabaseName(database) || !isName(role) || !isName(username)) {
          throw new ProviderError(`nothing is deleted: ${JSON.stringify(database)} is no tenant's database.`);
        }
        const live = await store.find(context, outputs);
        if (live === undefined) return;
        if (!isInstance(live.mark, outputs)) {
          context.warn(
            `tenant ${tenant}: ${live.what} is left alone: its mark is ` +
              (live.mark === undefined ? "missing." : `another instance's, of ${live.mark.urn}.`),
          );
          return;
        }
        if (outputs.state !== "offboarding" || outputs.backupWaiver === undefined) {
          throw new ProviderError(
            `Neo4j database "${database}" is not deleted: record \`state: offboarding\` and a \`backupWaiver\` with reason and name by an update of their own first.`,
          );
        }
        await store.remove(context, outputs);
      }),

    async close() {
      await Promise.all([...backends.values()].map((store) => store.close()));
      backends.clear();
    },
  };

  function endpointOf(inputs: Neo4jDatabaseInputs) {
    if (isUnknown(inputs.server) || platform.neo4j[inputs.server] === undefined) return {};
    return backend(inputs).endpoint(inputs);
  }
}

async function forTenant<T>({ tenant, server }: Neo4jDatabaseInputs, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ProviderError) || error.message.startsWith(`tenant ${tenant}:`)) throw error;
    throw new ProviderError(`tenant ${tenant}: Neo4j server "${server}": ${error.message}`, { cause: error });
  }
}

function unknownServer(server: string, platform: Platform): string {
  const known = Object.keys(platform.neo4j).join(", ");
  return `Neo4j server ${JSON.stringify(server)} is not in the platform's configuration; known are: ${known === "" ? "none" : known}.`;
}

function checkInputs(news: Neo4jDatabaseInputs, platform: Platform): readonly CheckFailure[] {
  const failures: CheckFailure[] = [];
  const fail = (property: string, reason: string) =>
    failures.push({ property, reason: `tenant ${news.tenant}: ${reason}` });
  if (!isUnknown(news.server) && platform.neo4j[news.server] === undefined) {
    fail("server", unknownServer(news.server, platform));
  }
  if (!isUnknown(news.database) && !isDatabaseName(news.database)) {
    fail(
      "database",
      `${JSON.stringify(news.database)} is no legal database; allowed are 3 to 63 lower-case letters, digits and "-", ` +
        `beginning with a letter and not with "system", not ending in "-".`,
    );
  }
  for (const property of ["role", "username"] as const) {
    if (isUnknown(news[property]) || isName(news[property])) continue;
    fail(
      property,
      `${JSON.stringify(news[property])} is no legal ${property}; allowed are at most 63 letters, digits and "_", beginning with a letter.`,
    );
  }
  if (!isUnknown(news.password) && (typeof news.password !== "string" || news.password.length < 16)) {
    fail("password", "it must have at least 16 characters; the received one is not shown.");
  }
  return failures;
}
