/** Many schemas in one database: what the next one costs, and what a connection that visits them holds in memory. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import pLimit from "p-limit";
import pg from "pg";
import { postgresNames } from "../../components/naming.ts";
import type { Services } from "../../dev/services/index.ts";
import { baselineHandler } from "../../provider/postgres/baseline.ts";
import { postgresDependencies } from "../../provider/postgres/dependencies.ts";
import { clientConfig } from "../../provider/postgres/pool.ts";
import { identifier } from "../../provider/postgres/quote.ts";
import { schemaHandler } from "../../provider/postgres/schema.ts";
import { loadTemplate } from "../../templates/load.ts";
import { contextOf } from "./world.ts";

export interface SchemasResult {
  readonly schemas: number;
  /** Milliseconds a schema, a mean over those that were made since the last row. */
  readonly creation: number;
  /** Rows of pg_class. */
  readonly relations: number;
  /** Size of the database in MB. */
  readonly databaseMb: number;
  /** Private memory in MB of a backend that has read one row of every table of 100 schemas, or of all of them. */
  readonly backendMb: { readonly hundred: number; readonly all: number };
  /** Milliseconds of the first statement of a new connection, a mean of 20. */
  readonly firstStatement: number;
}

const projectDir = resolve(import.meta.dirname, "..", "..");
const password = "a-password-of-the-benchmark";

/** @param counts - rising */
export async function manySchemas(
  { platform }: Services,
  counts: readonly number[],
  say: (line: string) => void,
): Promise<SchemasResult[]> {
  const server = platform.postgres.main;
  if (server?.admin === undefined) throw new Error("the benchmark's platform has a PostgreSQL server");
  const templates = join(projectDir, "templates");
  const dependencies = postgresDependencies({ platform, templates, projectDir });
  await baselineHandler(dependencies).create(contextOf("tenancy:postgres:Baseline", "main"), {
    server: "main",
    extensions: [],
    provisionerPassword: "",
  });
  const handler = schemaHandler(dependencies);
  const template = loadTemplate(templates, "knowledge-graph");
  const names = (index: number) => postgresNames("bench", `s${index}`);
  const results: SchemasResult[] = [];
  let made = 0;
  for (const count of counts) {
    say(`${count} schemas`);
    const indexes = Array.from({ length: count - made }, (_, index) => made + index);
    const started = performance.now();
    await pLimit(8).map(indexes, (index) => {
      const tenant = `bench-s${index}`;
      return handler.create(contextOf("tenancy:postgres:Schema", tenant), {
        ...names(index),
        server: "main",
        tenant,
        externalId: tenant,
        state: "active",
        connectionLimit: 10,
        readOnlyConnectionLimit: 5,
        template: template.name,
        variables: {},
        templateFiles: template.files,
        additionalFiles: [],
        additionalRoot: "tenants",
        password,
        readOnlyPassword: password,
      });
    });
    const creation = (performance.now() - started) / indexes.length;
    made = count;
    const admin = new pg.Client(clientConfig(server, server.admin, "tenancy bench"));
    await admin.connect();
    const { rows } = await admin.query<{ relations: number; bytes: string }>(
      "SELECT (SELECT count(*)::int FROM pg_class) AS relations, pg_database_size(current_database()) AS bytes",
    );
    const visit = async (schemas: number): Promise<number> => {
      const visitor = new pg.Client(clientConfig(server, server.admin ?? server.provisioner, "tenancy bench"));
      await visitor.connect();
      const pid = await visitor.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
      for (let index = 0; index < schemas; index += 1) {
        const schema = identifier(names(index).schema);
        await visitor.query(
          `SELECT (SELECT id FROM ${schema}.graph_entities LIMIT 1), (SELECT id FROM ${schema}.graph_relations LIMIT 1)`,
        );
      }
      const memory = privateMb(pid.rows[0]?.pid ?? 0);
      await visitor.end();
      return memory;
    };
    const backendMb = { hundred: await visit(Math.min(100, count)), all: await visit(count) };
    const firstStatement = await firstStatements(20, async (index) => {
      const { schema, appRole } = names(index % count);
      const client = new pg.Client(clientConfig(server, { user: appRole, password }, "tenancy bench"));
      await client.connect();
      const begin = performance.now();
      await client.query(`SELECT count(*) FROM ${identifier(schema)}.graph_entities`);
      const spent = performance.now() - begin;
      await client.end();
      return spent;
    });
    await admin.end();
    const [row] = rows;
    results.push({
      schemas: count,
      creation,
      relations: row?.relations ?? 0,
      databaseMb: Number(row?.bytes ?? 0) / 2 ** 20,
      backendMb,
      firstStatement,
    });
  }
  await dependencies.pools.close();
  return results;
}

async function firstStatements(count: number, run: (index: number) => Promise<number>): Promise<number> {
  let sum = 0;
  for (let index = 0; index < count; index += 1) sum += await run(index);
  return sum / count;
}

/** What only this process holds: shared buffers are not its own. */
function privateMb(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(rollup)?.[1] ?? "0");
  return (of("Private_Clean") + of("Private_Dirty")) / 1024;
}
