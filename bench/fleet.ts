/**
 * `npm run bench -- fleet`: a column and an index brought to N schemas of one template, by the handlers and without an
 * engine: what an update costs that has nothing to do, one that looks at everything of a tenant, and one that only brings
 * the new file. Options: --schemas 100,1000 --durable.
 */
import { cpSync, mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import pLimit from "p-limit";
import { postgresNames } from "../components/naming.ts";
import type { Platform } from "../provider/config.ts";
import { diffInputs } from "../provider/diff.ts";
import type { CallContext } from "../provider/handler.ts";
import type { SchemaInputs, SchemaOutputs } from "../provider/inputs.ts";
import { baselineHandler } from "../provider/postgres/baseline.ts";
import { postgresDependencies } from "../provider/postgres/dependencies.ts";
import { schemaHandler } from "../provider/postgres/schema.ts";
import { loadTemplate } from "../templates/load.ts";
import { withServices } from "./services.ts";
import { printTable } from "./table.ts";

/** What the Pulumi CLI asks for at once on two cores. */
const atOnce = 16;
const template = "knowledge-graph";
const projectDir = resolve(import.meta.dirname, "..");

const allow = "-- tenancy: allow index-without-concurrently: its tables have a hundred rows\n";
const migration = (number: number, how: "" | " CONCURRENTLY") =>
  (how === ""
    ? `ALTER TABLE graph_entities ADD COLUMN added_${number} text;\n${allow}`
    : "-- tenancy: concurrently\n") +
  `CREATE INDEX${how} graph_entities_added_${number} ON graph_entities (${how === "" ? `added_${number}` : "id"});\n`;
const rows = `INSERT INTO graph_entities (id, entity_type) SELECT g::text, 'bench' FROM generate_series(1, 100) g;\n`;

const { values } = parseArgs({
  options: { schemas: { type: "string", default: "100,1000" }, durable: { type: "boolean", default: false } },
});
const dir = mkdtempSync(join(tmpdir(), "tenancy-bench-"));
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const table: string[][] = [];
try {
  for (const count of values.schemas.split(",").map(Number)) await benchFleet(count);
} finally {
  printTable(
    ["schemas", "no-op", "migration, all looked at", "migration", "beyond a no-op", "a schema", "index CONCURRENTLY"],
    table,
  );
  rmSync(dir, { recursive: true, force: true });
}
if (process.connected) process.disconnect();

async function benchFleet(count: number): Promise<void> {
  const own = { dir: join(dir, `services-${count}`), durable: values.durable };
  table.push(await withServices(own, ({ platform }) => measureFleet(count, platform)));
}

async function measureFleet(count: number, platform: Platform): Promise<string[]> {
  const templates = join(dir, `templates-${count}`);
  const folder = join(templates, template);
  cpSync(join(projectDir, "templates", template), folder, { recursive: true });
  mkdirSync(join(folder, "seed"));
  writeFileSync(join(folder, "seed", "0001-rows.sql"), rows);
  const dependencies = postgresDependencies({ platform, templates, projectDir });
  await baselineHandler(dependencies).create(contextOf("Baseline", "main"), {
    server: "main",
    extensions: [],
    provisionerPassword: "",
  });
  const handler = schemaHandler(dependencies);
  const limit = pLimit(atOnce);
  const each = <T>(list: readonly T[], work: (item: T) => Promise<unknown>) =>
    Promise.all(list.map((item) => limit(() => work(item))));

  say(`${count} schemas: made`);
  const fleet: SchemaOutputs[] = [];
  await each(
    Array.from({ length: count }, (_, index) => inputsOf(templates, `t${index}`)),
    async (inputs) => {
      fleet.push((await handler.create(contextOf("Schema", inputs.tenant), inputs)).outputs);
    },
  );

  /** As an engine does it: check and diff, and an update where something differs. */
  const update = (label: string, drifted: boolean): Promise<number> => {
    say(`${count} schemas: ${label}`);
    const { files } = loadTemplate(templates, template);
    return seconds(() =>
      each([...fleet.entries()], async ([index, outputs]) => {
        const { markUrn: _urn, instanceToken: _token, ...olds } = outputs;
        const news = { ...olds, templateFiles: files };
        const context = { ...contextOf("Schema", olds.tenant), drifted };
        const failures = await handler.check(context, olds, news);
        if (failures.length > 0) throw new Error(failures.map(({ reason }) => reason).join("\n"));
        if (diffInputs(olds, news, handler.replaceOn).changes.size === 0) return;
        fleet[index] = await handler.update(context, olds.schema, outputs, news);
      }),
    );
  };
  // The first parses the template's files, which every run does once.
  await update("warming up", false);
  const noop = await update("no-op", false);
  writeFileSync(join(folder, "0901-before.sql"), migration(901, ""));
  const before = await update("migration, all looked at", true);
  writeFileSync(join(folder, "0902-now.sql"), migration(902, ""));
  const now = await update("migration", false);
  writeFileSync(join(folder, "0903-index.sql"), migration(903, " CONCURRENTLY"));
  const concurrently = await update("index CONCURRENTLY", false);
  await dependencies.pools.close();
  const s = (value: number) => `${value.toFixed(1)} s`;
  const beyond = now - noop;
  return [
    String(count),
    s(noop),
    s(before),
    s(now),
    s(beyond),
    `${((beyond / count) * 1000).toFixed(1)} ms`,
    s(concurrently),
  ];
}

function contextOf(type: string, name: string): CallContext {
  return {
    urn: `urn:pulumi:bench::tenancy::tenancy:postgres:${type}::${name}`,
    adopt: new Set<string>(),
    warn: () => undefined,
    status: () => undefined,
    signal: new AbortController().signal,
  };
}

function inputsOf(templates: string, id: string): SchemaInputs {
  return {
    ...postgresNames("bench", id),
    server: "main",
    tenant: id,
    externalId: `org_${id}`,
    state: "active",
    connectionLimit: 10,
    readOnlyConnectionLimit: 5,
    template,
    variables: {},
    templateFiles: loadTemplate(templates, template).files,
    additionalFiles: [],
    additionalRoot: "tenants",
    password: "a-password-of-the-benchmark",
    readOnlyPassword: "a-password-of-the-benchmark",
  };
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}
