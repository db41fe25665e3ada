/**
 * `npm run bench:data`: the speed of the data plane on the embedded server. So many tenants in each tier, one of them
 * large; system 2's five queries beside its targets, over TLS; the cost of row-level security; a noisy neighbour; and
 * many schemas. Options: --tenants 100 --scale 1 --runs 300 --search pgvector,exact --schemas 100,1000,5000 --durable
 * --parts queries,neighbour,schemas.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Services } from "../../dev/services/index.ts";
import { withServices } from "../services.ts";
import { benchQueries } from "./tiers.ts";
import { manySchemas } from "./schemas.ts";
import { printTable } from "../table.ts";

const { values } = parseArgs({
  options: {
    tenants: { type: "string", default: "100" },
    scale: { type: "string", default: "1" },
    runs: { type: "string", default: "300" },
    search: { type: "string", default: "pgvector" },
    schemas: { type: "string", default: "100,1000,5000" },
    parts: { type: "string", default: "queries,neighbour,schemas" },
    durable: { type: "boolean", default: false },
  },
});
const dir = mkdtempSync(join(tmpdir(), "tenancy-bench-"));
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const parts = values.parts.split(",");

try {
  if (parts.includes("queries") || parts.includes("neighbour")) {
    for (const search of values.search.split(",")) {
      if (search !== "pgvector" && search !== "exact") throw new Error(`--search is pgvector or exact, not ${search}`);
      const options = {
        search,
        tenants: Math.max(2, Number(values.tenants)),
        scale: Number(values.scale),
        runs: Number(values.runs),
        neighbour: parts.includes("neighbour"),
        say,
      } as const;
      await withOwn(`tiers-${search}`, (services) => benchQueries(services, options));
    }
  }
  if (parts.includes("schemas")) {
    const counts = values.schemas.split(",").map(Number);
    await withOwn("schemas", async (services) => {
      const rows = await manySchemas(services, counts, say);
      console.log("\nMany schemas in one database (template knowledge-graph, three roles each)\n");
      printTable(
        [
          "schemas",
          "creation of one",
          "pg_class",
          "database",
          "backend after 100 schemas / all",
          "first statement of a connection",
        ],
        rows.map(({ schemas, creation, relations, databaseMb, backendMb, firstStatement }) => [
          String(schemas),
          `${creation.toFixed(1)} ms`,
          `${relations} rows`,
          `${databaseMb.toFixed(0)} MB`,
          `${backendMb.hundred.toFixed(1)} / ${backendMb.all.toFixed(1)} MB`,
          `${firstStatement.toFixed(2)} ms`,
        ]),
      );
    });
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
if (process.connected) process.disconnect();

function withOwn(name: string, bench: (services: Services) => Promise<void>): Promise<void> {
  return withServices({ dir: join(dir, name), durable: values.durable }, bench);
}
