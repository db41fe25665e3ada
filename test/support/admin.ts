import pg from "pg";
import type { TestProject } from "./project.ts";

/** One statement as the server's administrator in the project's database: damage from outside, and a look at it. */
export async function adminQuery(project: TestProject, sql: string): Promise<Record<string, unknown>[]> {
  const server = project.platform.postgres.main;
  if (server?.admin === undefined) throw new Error("the tests' server has an administrator");
  const { host, port, database, admin, ca } = server;
  const client = new pg.Client({ host, port, database, ...admin, ssl: { ca } });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
