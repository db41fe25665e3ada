/** Members of pools that no known tenant is: their rows and logins are there, and no PoolTenant is. */
import { parseMark } from "../../provider/mark.ts";
import type { Session } from "../../provider/postgres/pool.ts";
import { loginsTable, membersTable, within } from "../../provider/postgres/pool-sql.ts";
import { setRole } from "../../provider/postgres/script.ts";
import { describeMark, isOthers } from "./marks.ts";
import type { Orphan, OrphanList } from "./orphan.ts";
import type { PostgresOrphanSearch } from "./postgres.ts";

interface Member {
  readonly tenant: string;
  readonly active: boolean;
  readonly mark: string;
  readonly logins: string | null;
}

/** @param schemas - of the pools that are known */
export async function memberOrphans(
  session: Session,
  schemas: readonly string[],
  { name: server, tenants, origin }: PostgresOrphanSearch,
): Promise<OrphanList> {
  const known = new Set(tenants.map(({ id }) => id));
  const orphans: Orphan[] = [];
  const incomplete: string[] = [];
  const there = await session.query<{ schema: string; owner: string; readable: boolean }>(
    `SELECT n.nspname AS schema, pg_get_userbyid(c.relowner) AS owner, pg_has_role(c.relowner, 'SET') AS readable
     FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = '${membersTable}'
     WHERE n.nspname = ANY ($1) ORDER BY n.nspname`,
    [schemas],
  );
  for (const { schema, owner, readable } of there) {
    if (!readable) {
      incomplete.push(`the members of ${schema} are not known: the provisioner may not take the role ${owner}`);
      continue;
    }
    await session.script(`BEGIN; ${setRole(owner)}`);
    const members = await session.query<Member & Record<string, unknown>>(
      `SELECT m.tenant, m.active, m.mark, (SELECT string_agg(l.login, ', ' ORDER BY l.login) FROM ${within({ schema }, loginsTable)} l
         WHERE l.tenant_id = m.tenant_id) AS logins FROM ${within({ schema }, membersTable)} m ORDER BY m.tenant`,
    );
    await session.query("ROLLBACK");
    for (const { tenant, active, mark, logins } of members) {
      const parsed = parseMark(mark);
      if (known.has(tenant) || isOthers(parsed, origin)) continue;
      const bound = logins === null ? "no login" : `logins ${logins}`;
      const detail = `${active ? "active" : "not active"}, ${bound}; ${describeMark(parsed)}`;
      orphans.push({ store: "postgres", server, kind: "pool member", name: `${schema}/${tenant}`, detail });
    }
  }
  return { orphans, incomplete };
}
