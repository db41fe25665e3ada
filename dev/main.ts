/** `npm run dev`: the embedded services, the stack `dev` on them, and what to try next. */
import { developmentStack, openProject, recordedEngine } from "../cli/project.ts";
import { openEngine } from "../cli/engines.ts";
import { operate } from "../cli/operation.ts";
import { registryGate } from "../cli/registry-gate.ts";
import { tenantConnections } from "../cli/connections.ts";
import { probeTenant } from "../cli/probe.ts";
import { statusTable } from "../cli/commands/status.ts";
import { runMain } from "../cli/run-main.ts";
import { writeEnvironment } from "./environment.ts";
import { startServices } from "./services/index.ts";

await runMain(async () => {
  const project = openProject(developmentStack);
  const registry = registryGate(project);

  // The channel closes when the command that started this one is gone: then nothing may stay behind.
  const abort = new AbortController();
  process.once("disconnect", () => {
    abort.abort();
  });
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const services = await startServices({
    dir: project.devDir,
    mode: "detached",
    progress: say,
    signal: abort.signal,
  });
  if (services.started.length > 0) say(`started: ${services.started.join(", ")}`);
  else say("services: all running");

  if (registry.stores.has("neo4j")) {
    // A tenant wants a graph: Neo4j is downloaded now, or the reason stands in the platform's file and in a warning.
    const reason = await services.prepareNeo4j(say);
    if (reason !== undefined) say(`Neo4j: not available on this machine: ${reason}`);
  }

  const first = recordedEngine(project) === undefined;
  const engine = await openEngine(project, { progress: say });
  writeEnvironment(project, engine.name, services.bin);
  console.log(`up of stack ${project.stack} with ${engine.title}`);
  console.log(registry.summary);
  if (!(await operate(engine, "up", { first }))) {
    process.exitCode = 1;
    return;
  }

  const connections = await tenantConnections(engine);
  const statuses = [];
  for (const [id, tenant] of connections) {
    statuses.push({ id, tier: tenant.tier, state: tenant.state, stores: await probeTenant(tenant) });
  }
  console.log(`\n${statusTable(statuses)}\n`);
  console.log(whatToTry(statuses[0]?.id ?? "acme", engine.name));
});

function whatToTry(id: string, engine: string): string {
  const lines: [string, string][] = [
    [`eval "$(npm run -s tenancy -- credentials ${id})"; .dev/bin/psql`, `be tenant ${id} in PostgreSQL`],
    ["edit tenants/registry.yaml; npm run preview; npm run up", "add a tenant"],
    ["npm run -s tenancy -- status", "log in everywhere as everyone"],
    [
      "docs/applications.md: withTenant(pool, route, fn)",
      "work for many tenants as tenancy_application, from .dev/platform.json",
    ],
    ["npm run -s tenancy -- verify", "prove that no tenant reaches another"],
  ];
  if (engine === "pulumi") lines.push(["source .dev/env; pulumi preview", "plain Pulumi on this stack"]);
  lines.push(["npm run dev:down", "stop the services, keep the data"]);
  const width = Math.max(...lines.map(([command]) => command.length));
  return ["What to try next:", ...lines.map(([command, what]) => `  ${command.padEnd(width)}   ${what}`)].join("\n");
}
