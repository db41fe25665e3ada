/** A project of its own in a git repository of its own, as a clone of somebody who onboards a tenant. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Plan } from "../../../cli/plan/plan.ts";
import { plan, type PlanOptions } from "../../../cli/plan/make.ts";
import { openProject } from "../../../cli/project.ts";
import { copyProject } from "../../../dev/project-copy.ts";
import { postureConfiguration } from "../../../policies/postures.ts";

export const fixture = join(import.meta.dirname, "fixture");

export class TestRepository implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), "tenancy-repository-"));

  /** @param registry - text of the registry at the base, which is the branch `main` */
  constructor(registry: string) {
    copyProject(this.dir);
    this.write({ ".gitignore": "node_modules\n.dev/\n", "tenants/registry.yaml": registry });
    this.git("init", "--quiet", "--initial-branch=main");
    this.commit("base");
    this.git("checkout", "--quiet", "-b", "change");
  }

  write(files: Readonly<Record<string, string>>): this {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.dir, path)), { recursive: true });
      writeFileSync(join(this.dir, path), text);
    }
    return this;
  }

  read(path: string): string {
    return readFileSync(join(this.dir, path), "utf8");
  }

  commit(message: string): this {
    this.git("add", "--all");
    // The machine's own settings (signing, hooks, names) are none of the test's business.
    this.git(
      "-c",
      "user.name=t",
      "-c",
      "user.email=t@example.com",
      "commit",
      "--quiet",
      "--no-gpg-sign",
      "-m",
      message,
    );
    return this;
  }

  git(...args: readonly string[]): string {
    const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };
    return execFileSync("git", args, { cwd: this.dir, env, encoding: "utf8" });
  }

  plan(options: Partial<PlanOptions> = {}): Promise<Plan> {
    return plan({
      project: openProject("dev", this.dir),
      base: "main",
      posture: "baseline",
      configuration: postureConfiguration("baseline"),
      now: new Date("2026-11-27T00:00:00Z"),
      ...options,
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
