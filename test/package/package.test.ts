/** The packed tarball, installed into another program, provisions a tenant with the provider from the package. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLocalEngine } from "../../dev/engine/index.ts";
import { clientConfig } from "../../provider/postgres/pool.ts";
import { services } from "../support/services.ts";

const project = resolve(import.meta.dirname, "..", "..");
const bin = join(project, "node_modules", ".bin");
let consumer = "";

function run(command: string, args: readonly string[], cwd: string): string {
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH ?? ""}` };
  return execFileSync(command, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

const program = `
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { Baseline, parsePlatform, Roster, TenancyProvider, TenantSchema, TenantSources } from "tenancy";

const config = new pulumi.Config();
const { servers } = parsePlatform(config.requireObject("platform"), "platform", import.meta.dirname);
const provider = new TenancyProvider("platform", {
  config: JSON.stringify({ platform: servers, templates: "templates" }),
});
const main = servers.postgres.main;
const provisionerPassword = pulumi.secret(main.provisioner.password);
const baseline = new Baseline("main", { server: "main", extensions: [], provisionerPassword }, { provider });
const entry = { displayName: "A", externalId: "org_a", tier: "bridge", state: "active", region: "local" };
const tenants = { packed: { ...entry, prefix: "tenant", placement: { postgres: "main" } } };
const roster = new Roster("tenants", { catalogue: "main", maxDeletes: 1, tenants }, { provider, dependsOn: [baseline] });
const secret = new random.RandomPassword("passwords", { length: 64, special: false }).result;
const sources = new TenantSources("node_modules/tenancy/dist/templates", ".");
const template = sources.template("knowledge-graph");
const schema = new TenantSchema(
  "packed",
  {
    tenant: "packed", prefix: "tenant", server: "main", state: "active", secret, externalId: "org_a",
    host: main.host, port: main.port, database: main.database,
    template: template.name, variables: {}, templateFiles: template.files, dependsOn: [roster],
  },
  { provider },
);
export const login = { user: schema.username, password: schema.password, schema: schema.schemaName };
`;

/** Types of the package as another program sees them. */
const typed = `
import { TenantDatabaseSilo, type TenantDatabaseSiloArgs, TenantNeo4jDb, TenantRedisAcl } from "tenancy";
import { Resolver, type Route } from "tenancy/resolve";
import { type TenantTransaction, withTenant } from "tenancy/client";

export const known: readonly object[] = [TenantDatabaseSilo, TenantNeo4jDb, TenantRedisAcl, Resolver, withTenant];
export const tenantOf = (tx: TenantTransaction): string => tx.tenant;
export function engineOf(args: TenantDatabaseSiloArgs): "database" | "cloudnativepg" | "rds" {
  return args.engine.kind;
}
export const host = (route: Route): string => route.host;
// @ts-expect-error: an unknown argument has to be told
export const wrong: TenantDatabaseSiloArgs["engine"] = { kind: "mainframe" };
`;

beforeAll(() => {
  consumer = mkdtempSync(join(tmpdir(), "tenancy-package-"));
  run("node", ["dev/build.ts"], project);
  run("npm", ["pack", "--silent", "--pack-destination", consumer], project);
  const tarball = readdirSync(consumer).find((name) => name.endsWith(".tgz")) ?? "";
  const files: Record<string, string> = {
    "package.json": JSON.stringify({ name: "consumer", private: true, type: "module" }),
    "Pulumi.yaml": `name: consumer
main: index.js
runtime: { name: nodejs, options: { typescript: false } }
plugins:
  providers:
    - { name: tenancy, path: node_modules/tenancy/dist/provider }
`,
    "index.js": program,
    "typed.ts": typed,
    "tsconfig.json": JSON.stringify({
      compilerOptions: {
        ...{ module: "nodenext", target: "es2024", strict: true, noEmit: true, skipLibCheck: true, types: [] },
      },
      files: ["typed.ts"],
    }),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(consumer, name), text);
  const quiet = ["--silent", "--no-audit", "--no-fund", "--omit=optional", "--ignore-scripts", "--prefer-offline"];
  run("npm", ["install", ...quiet, join(consumer, tarball)], consumer);
});

afterAll(() => {
  rmSync(consumer, { recursive: true, force: true });
});

describe("the package", () => {
  it("has types for its components, and tells a wrong argument", () => {
    expect(run("tsc", ["-p", "tsconfig.json"], consumer)).toBe("");
  });

  it("provisions a tenant in a program of another's, with the provider and the templates that it brings", async () => {
    const { main } = services().platform.postgres;
    if (main === undefined) throw new Error("the services have a PostgreSQL server");
    const database = `package_${process.pid}`;
    const platform = JSON.stringify({ postgres: { main: { ...main, database } } });
    const engine = createLocalEngine({
      projectDir: consumer,
      stack: "test",
      stateFile: join(consumer, "state.json"),
      passphrase: "passphrase of the test",
      config: { "consumer:platform": { value: platform, secret: true } },
      env: { PATH: `${bin}:${process.env.PATH ?? ""}` },
    });
    const result = await engine.run("up");
    expect(result.diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(result.ok).toBe(true);
    const { login } = (await engine.outputs()) as { login: { user: string; password: string; schema: string } };
    expect(login.schema).toBe("tenant_packed");
    const client = new pg.Client(clientConfig({ ...main, database }, login));
    await client.connect();
    try {
      await client.query("INSERT INTO graph_entities (id, entity_type) VALUES ('a', 'b')");
      const { rows } = await client.query(
        "SELECT current_schema() AS schema, count(*)::int AS rows FROM graph_entities",
      );
      expect(rows).toEqual([{ schema: "tenant_packed", rows: 1 }]);
    } finally {
      await client.end();
    }
  });
});
