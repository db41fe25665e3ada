/** Makes a plan: reads both registries, runs the program over both, and asks the pack. No server is asked. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { rosterEntries } from "../../components/roster-entries.ts";
import { rules } from "../../policies/catalogue.ts";
import type { Configuration } from "../../policies/configuration.ts";
import { evaluate, type Verdict } from "../../policies/evaluate.ts";
import { collectRegistrations, ProgramError } from "../../policies/runner/registrations.ts";
import { rosterFaults } from "../../provider/index/roster.ts";
import { loadRegistry, RegistryError, type Registry } from "../../tenants/load.ts";
import type { Project } from "../project.ts";
import { UserError } from "../user-error.ts";
import { type BaseProject, layoutOf, layOutBase, refuseLinks } from "./base-project.ts";
import { measures, roomOf } from "./capacity.ts";
import { isTenantData } from "./comment-form.ts";
import { costOf } from "./cost.ts";
import { Repository } from "./git.ts";
import type { LivePreview } from "./live.ts";
import { makePlan, type Plan, type PolicyResult, type Side } from "./plan.ts";
import { readPrices } from "./prices.ts";
import { surroundings, type Surroundings } from "./servers.ts";
import { quiet } from "./text.ts";
import { writtenRecords, writtenServers } from "./written.ts";

export interface PlanOptions {
  readonly project: Project;
  /** Branch, tag or commit that the branch is compared with. */
  readonly base: string;
  readonly configuration: Configuration;
  /** How the plan names the configuration. */
  readonly posture: string;
  /** File with the platform's servers, instead of what the stack's configuration says. */
  readonly platformFile?: string;
  readonly live?: () => Promise<LivePreview>;
  /** @default the present */
  readonly now?: Date;
}

/**
 * @throws RegistryError with every fault of the branch's registry or prices; UserError where the base cannot be
 * compared with.
 */
export async function plan(options: PlanOptions): Promise<Plan> {
  const { project, base: ref, now = new Date() } = options;
  const repository = await Repository.open(project.dir);
  const commit = await repository.mergeBase(ref);
  const layout = layoutOf(project);
  refuseLinks(project, layout);
  const registryPath = join(project.dir, layout.registry);
  const load = (servers?: Surroundings["servers"]): Registry =>
    loadRegistry(registryPath, { templates: join(project.dir, layout.templates), servers });
  // Without servers first: their names may have to be made up from the placements.
  load();
  const prices = readPrices(join(project.dir, layout.folder, "prices.yaml"));
  using base = await layOutBase(project, repository, commit);
  const baseRegistry = loadBase(base, ref);
  const names = writtenServers([baseRegistry.path, registryPath]);
  const onHead = surroundings(project, project, names, options.platformFile);
  const onBase = surroundings(base.project, project, names, options.platformFile);
  const headRegistry = load(onHead.servers);
  const [before, after] = await Promise.all([
    side(base.project, baseRegistry, onBase, project.dir),
    side(project, headRegistry, onHead, project.dir),
  ]);
  const { configuration, posture } = options;
  const surroundingsOfRules = { stack: project.stack, now };
  const policies = compareVerdicts(
    posture,
    evaluate(rules, before.resources, configuration, surroundingsOfRules),
    evaluate(rules, after.resources, configuration, surroundingsOfRules),
  );
  const measured = [before, after].map(({ resources }) => measures(rules, resources, configuration, project.stack));
  const [measuredBefore = new Map(), measuredAfter = new Map()] = measured;
  const bothRecords = [before.registry.tenants, after.registry.tenants] as const;
  const files = (await repository.changes(commit)).filter(({ path }) => !isTenantData(path, layout));
  return makePlan({
    base: before,
    head: after,
    refusals: rosterFaults(rosterOf(before.registry, onBase), rosterOf(after.registry, onHead)),
    policies,
    room: roomOf(onHead.servers, bothRecords, [measuredBefore, measuredAfter]),
    ...(prices === undefined ? {} : { cost: costOf(prices, ...bothRecords) }),
    files,
    notes: [
      ...(base.hasRegistry ? [] : [`${base.layout.registry} is not there at the base: every tenant counts as added`]),
      ...(onHead.servers === undefined ? [placeholderNote] : []),
      ...new Set([...onHead.config.notes, ...onBase.config.notes]),
    ],
    ...(options.live === undefined ? {} : { live: await options.live() }),
    stack: project.stack,
    baseRef: ref,
    baseCommit: commit,
  });
}

const placeholderNote =
  "the platform's servers are not known here: placeholders with the names of the registry's placements stand for " +
  "them, so that kinds, regions and capacities of servers were not checked";

function loadBase(base: BaseProject, ref: string): Registry {
  try {
    const registry = join(base.project.dir, base.layout.registry);
    return loadRegistry(registry, { templates: join(base.project.dir, base.layout.templates) });
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    const text = error.message.replaceAll(`${base.project.dir}/`, "");
    throw new UserError(
      `the registry at ${ref} has faults by the rules of this branch, so nothing can be compared with it. ` +
        `Mend them there first, or name another --base.\n\n${text}`,
    );
  }
}

const pulumiYaml = z.object({ main: z.string().default("index.ts") });

async function side(
  project: Project,
  registry: Registry,
  { config }: Surroundings,
  packagesDir: string,
): Promise<Side> {
  const { main } = pulumiYaml.parse(parse(readFileSync(join(project.dir, "Pulumi.yaml"), "utf8")));
  try {
    const resources = await collectRegistrations({
      projectDir: project.dir,
      project: project.name,
      stack: project.stack,
      main,
      config: config.values,
      packagesDir,
    });
    return { registry, resources, written: writtenRecords(registry.path) };
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    throw new UserError(error.message.split("\n").map(quiet).join("\n").replaceAll(`${project.dir}/`, ""));
  }
}

function rosterOf({ tenants, maxDeletes }: Registry, { clouds }: Surroundings) {
  return { catalogue: "", maxDeletes, tenants: rosterEntries(tenants, clouds) };
}

function compareVerdicts(posture: string, before: readonly Verdict[], after: readonly Verdict[]): PolicyResult {
  const keyOf = ({ rule, kind, level, message, urn }: Verdict): string =>
    JSON.stringify([rule.name, kind, level, message, urn]);
  const [olds, news] = [new Set(before.map(keyOf)), new Set(after.map(keyOf))];
  return {
    posture,
    fresh: after.filter((verdict) => !olds.has(keyOf(verdict))),
    standing: after.filter((verdict) => olds.has(keyOf(verdict))),
    solved: [...olds].filter((key) => !news.has(key)).length,
  };
}
