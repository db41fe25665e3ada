/** Canaries on a Neo4j server or among instances, by name and by mark. */
import { canaryPrefix } from "../../components/naming.ts";
import type { Neo4jInstances, Neo4jServer } from "../../provider/config.ts";
import { type Mark, parseMark } from "../../provider/mark.ts";
import { connectServer } from "../../provider/neo4j/client.ts";
import { allDatabases, allRoles, allUsers } from "../../provider/neo4j/cypher.ts";
import { connectManager } from "../../provider/neo4j/instance-manager.ts";
import { text } from "../../provider/neo4j/live.ts";
import { parseMarkRole } from "../../provider/neo4j/mark-role.ts";
import { isCanaryId } from "./id.ts";
import type { LiveCanaries, LiveCanary } from "./live.ts";

/** @throws ProviderError when server or manager cannot be asked */
export async function liveNeo4j(server: Neo4jServer | Neo4jInstances): Promise<LiveCanaries> {
  const found = new Map<string, LiveCanary>();
  const add = (id: string | undefined, mark: Mark | undefined): void => {
    if (id === undefined || !isCanaryId(id)) return;
    found.set(id, { mark: mark ?? found.get(id)?.mark, there: true });
  };
  if (server.kind === "instances") {
    for (const { name, mark } of await connectManager(server).list()) add(idOfDatabase(name), parseMark(mark));
    return found;
  }
  const client = connectServer(server);
  try {
    const [databases, users, roles] = await Promise.all(
      [allDatabases, allUsers, allRoles].map((one) => client.run(one)),
    );
    for (const row of databases ?? []) add(idOfDatabase(text(row.name)), undefined);
    for (const row of users ?? []) add(idOfRole(text(row.user).replace(/_app$/, "")), undefined);
    for (const row of roles ?? []) {
      const marked = parseMarkRole(text(row.role));
      add(idOfRole(marked?.role ?? text(row.role)), marked?.mark);
    }
    return found;
  } finally {
    await client.close();
  }
}

function idOfDatabase(name: string): string | undefined {
  return name.startsWith(`${canaryPrefix}-`) ? name.slice(canaryPrefix.length + 1) : undefined;
}

function idOfRole(name: string): string | undefined {
  return name.startsWith(`${canaryPrefix}_`) ? name.slice(canaryPrefix.length + 1).replace("__", "-") : undefined;
}
