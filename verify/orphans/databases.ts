/** Databases of a PostgreSQL server that belong to no known tenant, and those that a killed run has not finished. */
import { parseMark } from "../../provider/mark.ts";
import { scratchPrefix } from "../../provider/postgres/database-make.ts";
import type { Session } from "../../provider/postgres/pool.ts";
import { describeMark, isOthers } from "./marks.ts";
import { defaultLimit, knownNames, type Orphan } from "./orphan.ts";
import type { PostgresOrphanSearch } from "./postgres.ts";

interface LiveDatabase {
  readonly name: string;
  readonly owner: string;
  readonly comment: string | null;
  /** Whether the provisioner may know its size. */
  readonly connects: boolean;
}

/** Every server has them. */
const ownDatabases = ["postgres", "template0", "template1"];

const databasesSql = `SELECT d.datname AS name, pg_get_userbyid(d.datdba) AS owner,
  shobj_description(d.oid, 'pg_database') AS comment, has_database_privilege(d.oid, 'CONNECT') AS connects
FROM pg_catalog.pg_database d WHERE d.datname <> ALL ($1) AND d.datname <> current_database()
ORDER BY d.datname LIMIT $2`;

/**
 * @param looksLikeTenants - whether a name begins as a tenant's does
 * @returns no more than the search's limit
 */
export async function databaseOrphans(
  session: Session,
  search: PostgresOrphanSearch,
  looksLikeTenants: (name: string) => boolean,
): Promise<Orphan[]> {
  const known = knownNames(search.tenants).postgres.map(({ schema }) => schema);
  const rows = await session.query<LiveDatabase>(databasesSql, [
    [...ownDatabases, ...known],
    search.limit ?? defaultLimit,
  ]);
  const orphans: Orphan[] = [];
  for (const { name, owner, comment, connects } of rows) {
    const mark = parseMark(comment);
    const unfinished = name.startsWith(scratchPrefix);
    if (isOthers(mark, search.origin) || (mark === undefined && !unfinished && !looksLikeTenants(name))) continue;
    const size = connects ? await sizeOf(session, name) : undefined;
    const parts = [
      `owner ${owner}`,
      ...(size === undefined ? [] : [`about ${Math.ceil(size / 1024)} kB`]),
      unfinished
        ? "of a run that was killed while it made a tenant's database: nobody could ever connect"
        : describeMark(mark),
    ];
    orphans.push({ store: "postgres", server: search.name, kind: "database", name, detail: parts.join("; ") });
  }
  return orphans;
}

/** Undefined where the database was dropped since. */
async function sizeOf(session: Session, name: string): Promise<number | undefined> {
  const [row] = await session.query<{ size: string }>(
    "SELECT pg_database_size(oid)::text AS size FROM pg_catalog.pg_database WHERE datname = $1",
    [name],
  );
  return row === undefined ? undefined : Number(row.size);
}
