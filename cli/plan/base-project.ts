/** The branch's program over the base's data: a folder of its own, so that paths in inputs are the same on both sides. */
import { cpSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { faultOfFile, quote, RegistryError } from "../../tenants/faults.ts";
import { openProject, type Project, stackConfig } from "../project.ts";
import { UserError } from "../user-error.ts";
import { isTenantData, type Layout } from "./comment-form.ts";
import type { GitFile, Repository } from "./git.ts";

const left = new Set([".git", ".dev", "node_modules", "dist", "coverage", "docs", "test", "bench"]);

export function layoutOf(project: Project): Layout {
  const config = stackConfig(project);
  const setting = (key: string, fallback: string): string => {
    const value = config[`tenancy:${key}`];
    const path = typeof value === "string" ? value : fallback;
    const below = relative(project.dir, join(project.dir, path));
    if (below === "" || below.startsWith("..")) {
      throw new UserError(
        `Pulumi.${project.stack}.yaml: tenancy:${key} is ${quote(path)}, and has to lie in the project's folder.`,
      );
    }
    return below.split(sep).join("/");
  };
  const registry = setting("registry", "tenants/registry.yaml");
  return { registry, folder: dirname(registry), templates: setting("templates", "templates") };
}

/**
 * Links among the data would be read wherever they lead, as to a file of the machine that makes the plan.
 *
 * @throws RegistryError that names each.
 */
export function refuseLinks(project: Project, layout: Layout): void {
  const links: string[] = [];
  const look = (path: string): void => {
    const entry = lstatSync(join(project.dir, path), { throwIfNoEntry: false });
    if (entry?.isSymbolicLink() === true) links.push(path);
    else if (entry?.isDirectory() === true && !left.has(path)) {
      for (const name of readdirSync(join(project.dir, path))) look(path === "." ? name : `${path}/${name}`);
    }
  };
  look(layout.folder);
  look(layout.templates);
  if (links.length === 0) return;
  throw new RegistryError(
    links.map((path) =>
      faultOfFile(path, {
        message: "this is a symbolic link",
        found: "a link",
        allowed: "files and folders among the registry, its SQL and the templates",
        fix: "put the file itself there",
      }),
    ),
  );
}

export interface BaseProject extends Disposable {
  readonly project: Project;
  readonly layout: Layout;
  /** Whether the base has a registry at all. */
  readonly hasRegistry: boolean;
}

/** @throws UserError when the base's data cannot be laid out. */
export async function layOutBase(head: Project, repository: Repository, commit: string): Promise<BaseProject> {
  const dir = mkdtempSync(join(tmpdir(), "tenancy-plan-"));
  const remove = (): void => {
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const headLayout = layoutOf(head);
    const gone = [headLayout.registry, join(headLayout.folder, "registry.d"), headLayout.templates];
    for (const name of readdirSync(head.dir)) {
      if (left.has(name)) continue;
      cpSync(join(head.dir, name), join(dir, name), {
        recursive: true,
        filter: (source) => {
          const path = relative(head.dir, source).split(sep).join("/");
          return !gone.includes(path) && !isTenantData(path, headLayout);
        },
      });
    }
    symlinkSync(join(head.dir, "node_modules"), join(dir, "node_modules"));
    const stackFile = `Pulumi.${head.stack}.yaml`;
    // The base's servers belong to the base's placements; a stack that is new here has only the branch's.
    await write(dir, repository, await repository.files(commit, [stackFile]));
    const project = openProject(head.stack, dir);
    const layout = layoutOf(project);
    const files = await repository.files(commit, [layout.folder, layout.templates]);
    const data = files.filter(({ path }) => isTenantData(path, layout) || path.startsWith(`${layout.templates}/`));
    const strange = data.find(({ kind }) => kind !== "file");
    if (strange !== undefined) {
      throw new UserError(`${quote(strange.path)} of the base is no regular file: the base cannot be compared with.`);
    }
    await write(dir, repository, data);
    const hasRegistry = data.some(({ path }) => path === layout.registry);
    if (!hasRegistry) {
      mkdirSync(join(dir, layout.folder), { recursive: true });
      writeFileSync(join(dir, layout.registry), "tenants: {}\n");
    }
    mkdirSync(join(dir, layout.templates), { recursive: true });
    return { project, layout, hasRegistry, [Symbol.dispose]: remove };
  } catch (error) {
    remove();
    throw error;
  }
}

async function write(dir: string, repository: Repository, files: readonly GitFile[]): Promise<void> {
  const regular = files.filter(({ kind }) => kind === "file");
  for (const [path, content] of await repository.contents(regular)) {
    const target = join(dir, path);
    if (relative(dir, target).startsWith("..")) continue;
    mkdirSync(dirname(target), { recursive: true });
    rmSync(target, { force: true });
    writeFileSync(target, content);
  }
}
