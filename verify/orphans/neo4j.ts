/** Neo4j's orphans: databases, users, roles and marks of a shared server, or instances, that belong to no known tenant. */
import { canaryPrefix, type Neo4jNames, neo4jNames } from "../../components/naming.ts";
import type { Neo4jInstances, Neo4jServer } from "../../provider/config.ts";
import { type Mark, parseMark } from "../../provider/mark.ts";
import { connectServer } from "../../provider/neo4j/client.ts";
import { allDatabases, allRoles, allUsers } from "../../provider/neo4j/cypher.ts";
import { connectManager } from "../../provider/neo4j/instance-manager.ts";
import { text, texts } from "../../provider/neo4j/live.ts";
import { parseMarkRole } from "../../provider/neo4j/mark-role.ts";
import { describeMark, isOthers, type MarkedSearch } from "./marks.ts";
import { inOrder, knownNames, type Orphan, type OrphanKind, type OrphanList } from "./orphan.ts";

export type Neo4jOrphanSearch = MarkedSearch<Neo4jServer | Neo4jInstances>;

/** Roles that every server brings. */
const builtIn = ["PUBLIC", "reader", "editor", "publisher", "architect", "admin"];

/** @throws ProviderError when server or manager cannot be asked */
export async function neo4jOrphans(search: Neo4jOrphanSearch): Promise<OrphanList> {
  const { server } = search;
  const orphans = server.kind === "server" ? await onServer(server, search) : await amongInstances(server, search);
  return { orphans: inOrder(orphans), incomplete: [] };
}

/** A manager's instances are all of tenants: what is not known is an orphan, whatever its name. */
async function amongInstances(server: Neo4jInstances, search: Neo4jOrphanSearch): Promise<Orphan[]> {
  const known = new Set(knownNames(search.tenants).neo4j.map(({ database }) => database));
  const instances = await connectManager(server).list({ signal: search.signal });
  return instances.flatMap(({ name, state, mark: text }) => {
    const mark = parseMark(text);
    if (known.has(name) || isOthers(mark, search.origin)) return [];
    return [orphan(search, "instance", name, `${state}; ${describeMark(mark)}`)];
  });
}

async function onServer(server: Neo4jServer, search: Neo4jOrphanSearch): Promise<Orphan[]> {
  const client = connectServer(server);
  try {
    const [databases = [], users = [], roles = []] = await Promise.all(
      [allDatabases, allUsers, allRoles].map((one) => client.run(one, { signal: search.signal })),
    );
    const names = knownNames(search.tenants).neo4j;
    const known = {
      databases: new Set(names.map(({ database }) => database)),
      roles: new Set(names.map(({ role }) => role)),
      users: new Set([server.user, ...names.map(({ username }) => username)]),
    };
    const marks = new Map<string, Mark | undefined>();
    const found: Orphan[] = [];
    for (const row of roles) {
      const name = text(row.role);
      const marked = parseMarkRole(name);
      if (marked === undefined) continue;
      marks.set(marked.role, marked.mark);
      if (known.roles.has(marked.role) || isOthers(marked.mark, search.origin)) continue;
      // The whole name holds a token.
      found.push(orphan(search, "mark", `tenancy_mark_${marked.role}`, describeMark(marked.mark)));
    }
    const byDatabase = marksByDatabase(marks, search.prefixes);
    /** What its mark says of what looks like a tenant's; undefined where it is none of this stack's. */
    const judge = (mark: Mark | undefined, isTenants: boolean): string | undefined =>
      !isTenants || isOthers(mark, search.origin) ? undefined : describeMark(mark);
    const judgeRole = (role: string): string | undefined =>
      judge(marks.get(role), marks.has(role) || begins(role, search.prefixes, (prefix) => `${prefix}_`));
    for (const row of databases) {
      const name = text(row.name);
      if (known.databases.has(name) || name === "system" || name === "neo4j") continue;
      const looks = begins(name, search.prefixes, (prefix) => `${prefix.replaceAll("_", "--")}-`);
      const told = judge(byDatabase.get(name), byDatabase.has(name) || looks);
      if (told !== undefined) found.push(orphan(search, "database", name, `${text(row.currentStatus)}; ${told}`));
    }
    for (const row of users) {
      const name = text(row.user);
      const told = known.users.has(name) ? undefined : judgeRole(name.replace(/_app$/, ""));
      if (told === undefined) continue;
      const held = texts(row.roles).filter((role) => role !== "PUBLIC");
      const login = row.suspended === true ? "suspended" : "may log in";
      found.push(orphan(search, "user", name, `${login}, roles: ${held.join(", ") || "none"}; ${told}`));
    }
    for (const row of roles) {
      const name = text(row.role);
      if (known.roles.has(name) || builtIn.includes(name) || parseMarkRole(name) !== undefined) continue;
      const told = judgeRole(name);
      if (told !== undefined) found.push(orphan(search, "role", name, told));
    }
    return found;
  } finally {
    await client.close();
  }
}

function begins(name: string, prefixes: readonly string[], form: (prefix: string) => string): boolean {
  return [...prefixes, canaryPrefix].some((prefix) => name.startsWith(form(prefix)));
}

/** A mark stands beside a role; the database of the same tenant has another form of the name. */
function marksByDatabase(
  marks: ReadonlyMap<string, Mark | undefined>,
  prefixes: readonly string[],
): ReadonlyMap<string, Mark> {
  const found = new Map<string, Mark>();
  for (const [role, mark] of marks) {
    if (mark === undefined) continue;
    for (const prefix of [...prefixes, canaryPrefix]) {
      const names = namesOf(prefix, mark.tenant);
      if (names?.role === role) found.set(names.database, mark);
    }
  }
  return found;
}

/** A mark may have been made by hand: its tenant need be none. */
function namesOf(prefix: string, id: string): Neo4jNames | undefined {
  try {
    return neo4jNames(prefix, id);
  } catch {
    return undefined;
  }
}

function orphan({ name: server }: Neo4jOrphanSearch, kind: OrphanKind, name: string, detail: string): Orphan {
  return { store: "neo4j", server, kind, name, detail };
}
