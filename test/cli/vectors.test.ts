import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exitCodeOf, flagFaults } from "../../cli/commands/vectors.ts";
import { type VectorLine, vectorTable } from "../../cli/vectors/report.ts";
import { postgresNames } from "../../components/naming.ts";
import { adminQuery } from "../support/admin.ts";
import { connectPostgres } from "../support/clients.ts";
import { TestProject } from "../support/project.ts";

const line: VectorLine = {
  tenant: "acme",
  server: "main",
  schema: "tenant_acme",
  column: "notes.embedding",
  rows: { count: 12_345, precision: "exact" },
  threshold: 10_000,
  index: undefined,
  state: "none",
  action: "build",
  reason: "10,000 rows or more",
};
const quiet: VectorLine = {
  ...line,
  tenant: "beta",
  rows: { count: 7, precision: "exact" },
  action: "none",
  reason: "few",
};
const report = (...lines: VectorLine[]) => ({ lines, others: [], notes: [], faults: [] });

describe("the verdict", () => {
  test("0 for nothing to do or all done, 1 for what is due, failed or left, 2 for what nobody can tell", () => {
    expect(exitCodeOf(report(quiet))).toBe(0);
    expect(exitCodeOf(report(quiet, { ...line, outcome: "done" }))).toBe(0);
    expect(exitCodeOf(report(line))).toBe(1);
    expect(exitCodeOf(report({ ...line, action: "wait" }))).toBe(1);
    expect(exitCodeOf(report({ ...line, outcome: "left" }))).toBe(1);
    expect(exitCodeOf({ ...report({ ...line, outcome: "failed" }), faults: ["tenant acme: refused"] })).toBe(1);
    expect(exitCodeOf({ ...report(quiet), faults: ["server main: no answer"] })).toBe(2);
  });

  test("every fault of the command line at once", () => {
    const flags = { stack: "dev", minutes: "0", memory: "8", workers: "two", lockTimeout: "-1" };
    expect(flagFaults(["acme", "nobody"], flags, ["acme", "beta"])).toEqual([
      'tenant "nobody" is not in the registry; it has acme, beta.',
      '--minutes is "0"; allowed is a whole number from 1 to 1440.',
      '--memory is "8"; allowed is a whole number from 16 to 1000000.',
      '--workers is "two"; allowed is a whole number from 0 to 64.',
      '--lock-timeout is "-1"; allowed is a whole number from 1 to 86400.',
      "--minutes is for --build.",
    ]);
  });

  test("of a long table the lines without index and need are counted, and shown with --all", () => {
    const lines = [line, ...Array.from({ length: 50 }, (_, index) => ({ ...quiet, tenant: `t${index}` }))];
    expect(vectorTable(report(...lines), false).split("\n")).toEqual([
      "tenant  column             rows  threshold  index  size  what",
      "acme    notes.embedding  12,345     10,000  none         build: 10,000 rows or more",
      "50 more have no index and need none (--all shows them)",
      "",
      "1 to build: `tenancy vectors --build` does it",
    ]);
    expect(vectorTable(report(...lines), true).split("\n")).toHaveLength(54);
  });
});

describe("on real servers", () => {
  const project = new TestProject("local");
  const [bridge, silo] = [`b${project.prefix}`, `s${project.prefix}`];
  const ekn = { template: "ekn", variables: { dimensions: 3, m: 8, ef_construction: 32 } };
  let app: pg.Client;

  const vectors = async (...args: string[]) => {
    const { code, stdout, stderr } = await project.run(["vectors", ...args]);
    return { code, stderr, lines: stdout.trimEnd().split("\n") };
  };
  const fill = (client: pg.Client, count: number) =>
    client.query(
      `INSERT INTO embeddings (entity_id, entity_type, embedding)
       SELECT 'e', 't', ARRAY[i, i % 97 + 1, 1]::vector FROM generate_series(1, ${count}) i`,
    );

  beforeAll(async () => {
    project.edit("templates/ekn/template.yaml", "threshold: 10000", "threshold: 200");
    project.tenants = { [bridge]: { postgres: ekn }, [silo]: { tier: "silo", postgres: ekn } };
    const { code, text } = await project.up();
    expect([code, text]).toEqual([0, expect.any(String)]);
    app = await connectPostgres(await project.credentials(bridge));
    await fill(app, 250);
    const own = await connectPostgres(await project.credentials(silo));
    await fill(own, 300);
    await own.end();
  }, 240_000);
  afterAll(async () => {
    await app.end();
    project.remove();
  });

  test("tells what is due, builds it for a schema and a database, and then has nothing to do", async () => {
    const due = await vectors();
    expect([due.code, due.stderr]).toEqual([1, ""]);
    expect(due.lines).toEqual([
      `${"tenant".padEnd(bridge.length)}  column                rows  threshold  index  size  what`,
      `${bridge}  embeddings.embedding   250        200  none         build: 200 rows or more`,
      `${silo}  embeddings.embedding   300        200  none         build: 200 rows or more`,
      "",
      "2 to build: `tenancy vectors --build` does it",
    ]);
    const built = await vectors("--build");
    expect(built.code).toBe(0);
    expect(built.lines.slice(1)).toEqual([
      expect.stringMatching(/ 250 +200  valid tenancy_hnsw_embeddings_embedding +\d+ kB  build: done$/),
      expect.stringMatching(/ 300 +200  valid tenancy_hnsw_embeddings_embedding +\d+ kB  build: done$/),
      "",
      "2 done, 0 failed, 0 left for the next run",
    ]);
    const after = await vectors("--json");
    expect(after.code).toBe(0);
    const { columns } = JSON.parse(after.lines.join("\n")) as { columns: VectorLine[] };
    expect(columns.map(({ tenant, state, action, index }) => [tenant, state, action, index?.name])).toEqual([
      [bridge, "valid", "none", "tenancy_hnsw_embeddings_embedding"],
      [silo, "valid", "none", "tenancy_hnsw_embeddings_embedding"],
    ]);
    const { schema } = postgresNames(project.prefix, bridge);
    const events = await adminQuery(
      project,
      "SELECT event, detail FROM platform.events WHERE event LIKE 'vector%' ORDER BY id",
    );
    expect(events).toHaveLength(2);
    expect(events).toContainEqual({
      event: "vector index: build",
      detail: { store: "postgres", schema, index: "tenancy_hnsw_embeddings_embedding" },
    });
    const drift = await project.run(["drift", "--store", "postgres", "--tenant", bridge, silo]);
    expect([drift.code, drift.stdout]).toEqual([0, expect.any(String)]);
  }, 120_000);

  test("only the named tenant; an index that no column asks for goes with the next build", async () => {
    await app.query("DELETE FROM embeddings WHERE id > 90");
    const { schema, ownerRole } = postgresNames(project.prefix, bridge);
    await adminQuery(
      project,
      `CREATE INDEX tenancy_hnsw_old_name ON ${schema}.embeddings USING hnsw (embedding extensions.vector_l2_ops)`,
    );
    await adminQuery(project, `ALTER INDEX ${schema}.tenancy_hnsw_old_name OWNER TO ${ownerRole}`).catch(
      () => undefined,
    );
    const other = await vectors(silo);
    expect([other.code, other.lines.at(-1)]).toEqual([0, "nothing to do"]);
    const due = await vectors(bridge);
    expect([due.code, due.lines.at(-1)]).toEqual([1, "2 to drop: `tenancy vectors --build` does it"]);
    expect((await vectors("--build", bridge)).code).toBe(0);
    const left = await adminQuery(project, `SELECT indexname FROM pg_indexes WHERE indexname LIKE 'tenancy_hnsw_%'`);
    expect(left).toEqual([]);
  }, 120_000);
});
