/**
 * An instance of Neo4j Community for each tenant. Every user of Community is an administrator, so that the instance is
 * what keeps tenants apart: its one login is `neo4j`, its one database `neo4j`.
 */
import type { Neo4jInstances } from "../config.ts";
import { type Finding, repairable } from "../finding.ts";
import { type CallContext, ProviderError } from "../handler.ts";
import type { Neo4jDatabaseInputs } from "../inputs.ts";
import { parseMark } from "../mark.ts";
import type { Neo4jBackend } from "./backend.ts";
import type { BoltServer, Neo4jClient } from "./client.ts";
import { anyNode } from "./cypher.ts";
import { type Instance, type InstanceManager, UnreachableError } from "./instance-manager.ts";

const login = { loginDatabase: "neo4j", loginUser: "neo4j" } as const;

export function instancesBackend(
  server: Neo4jInstances,
  manager: InstanceManager,
  connect: (instance: BoltServer) => Neo4jClient,
): Neo4jBackend {
  /** Asks an instance with the tenant's own login; there is no other. */
  async function within<T>(
    instance: Instance,
    password: string,
    work: (client: Neo4jClient) => Promise<T>,
  ): Promise<T> {
    const client = connect({ uri: instance.uri, user: login.loginUser, password, ca: server.ca });
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  }

  const accepts = (instance: Instance, { password }: Neo4jDatabaseInputs, signal: AbortSignal) =>
    within(instance, password, (client) =>
      client.accepts({ user: login.loginUser, password }, login.loginDatabase, signal),
    );

  return {
    async outlook(_inputs, signal) {
      try {
        const availability = await manager.available({ signal, retry: false });
        // No refusal: the tenants' other stores go on without it.
        return availability.available ? {} : { warning: `no instance can be made: ${availability.reason}` };
      } catch (error) {
        if (error instanceof UnreachableError) return { warning: error.message };
        if (error instanceof ProviderError) return { refusal: error.message };
        throw error;
      }
    },

    async find({ signal }, { database }) {
      const instance = await manager.get(database, { signal });
      if (instance === undefined) return undefined;
      return { what: `Neo4j instance "${database}"`, mark: parseMark(instance.mark) };
    },

    async data({ signal }, inputs) {
      const instance = await manager.get(inputs.database, { signal });
      if (instance === undefined) return undefined;
      if (instance.state !== "running") return `it is ${instance.state}, so that nobody can look inside`;
      if (!(await accepts(instance, inputs, signal)))
        return "its password is another one, so that nobody can look inside";
      const rows = await within(instance, inputs.password, (client) =>
        client.run(anyNode, { database: login.loginDatabase, signal }),
      );
      return rows.length > 0 ? "nodes" : undefined;
    },

    async apply({ signal }: CallContext, inputs, mark) {
      const { uri } = await manager.put(
        inputs.database,
        { password: inputs.password, mark: JSON.stringify(mark), running: inputs.state === "active" },
        { signal },
      );
      return { uri, ...login };
    },

    endpoint: () => login,

    async drift({ signal }, inputs) {
      const { database, state } = inputs;
      const instance = await manager.get(database, { signal });
      const field = `instance ${database}`;
      if (instance === undefined) return [repairable(field, "missing", "there", `instance ${database} is missing`)];
      const wanted = state === "active" ? "running" : "stopped";
      const found: Finding[] = [];
      if (instance.state !== wanted) {
        const reason = instance.reason === undefined ? "" : ` (${instance.reason.slice(0, 300)})`;
        const sentence = `instance ${database} is ${instance.state} and not ${wanted}${reason}`;
        found.push(repairable(`${field}: state`, instance.state, wanted, sentence));
      } else if (state === "active" && !(await accepts(instance, inputs, signal))) {
        const sentence = `instance ${database} does not let its user in with the state's password`;
        found.push(repairable(`${field}: password`, "another", "the state's", sentence));
      }
      return found;
    },

    async remove({ signal }, { database }) {
      await manager.remove(database, { signal });
    },

    close: () => Promise.resolve(),
  };
}
