/** What git knows of a project: read only, never through a shell, and with no word of a caller taken as an option. */
import { execFile, spawn } from "node:child_process";
import { realpathSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { quote } from "../../tenants/faults.ts";
import { UserError } from "../user-error.ts";

/** As git's own names: no option, no space, no range, no path (`ref:path`) and no search (`:/text`). */
const refPattern = /^[A-Za-z0-9_][A-Za-z0-9_./@{}^~+#=-]{0,199}$/;
const maxBytes = 64 * 1024 * 1024;

export interface GitFile {
  /** From the project's folder. */
  readonly path: string;
  readonly kind: "file" | "link" | "other";
  readonly object: string;
}

export interface FileChange {
  /** From the project's folder; a path above it begins with `../`. */
  readonly path: string;
  readonly change: "added" | "changed" | "removed";
}

/** @throws UserError when a ref is not of an allowed form. */
export function checkRef(ref: string): string {
  if (refPattern.test(ref) && !ref.includes("..")) return ref;
  throw new UserError(
    `--base ${quote(ref)} is no name of a commit: allowed are names of branches and tags and ids of commits, ` +
      `as in origin/main, v1.2.0, HEAD~1 or 3f1c2b7.`,
  );
}

export class Repository {
  readonly #dir: string;
  /** Of the project's folder below the repository's, with a slash at its end; empty at the top. */
  readonly #prefix: string;

  private constructor(dir: string, prefix: string) {
    this.#dir = dir;
    this.#prefix = prefix;
  }

  /** @throws UserError when the folder is in no repository. */
  static async open(dir: string): Promise<Repository> {
    try {
      const top = (await git(dir, ["rev-parse", "--show-toplevel"])).toString().replace(/\n$/, "");
      const below = relative(top, realpathSync(dir)).split(sep).join("/");
      return new Repository(dir, below === "" ? "" : `${below}/`);
    } catch (error) {
      throw new UserError(`${dir} is in no git repository, or git is not installed: ${firstLine(error)}`);
    }
  }

  /**
   * The commit that this branch left the base at: what the base has got since is no change of the branch.
   *
   * @throws UserError when there is no such commit, or no common one.
   */
  async mergeBase(ref: string): Promise<string> {
    checkRef(ref);
    const commit = await this.#line(
      ["rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`],
      `--base ${quote(ref)}: there is no such commit here. Fetch it, for example with \`git fetch origin main\`.`,
    );
    return this.#line(
      ["merge-base", commit, "HEAD"],
      `--base ${quote(ref)}: no commit that it and this branch have in common is here. ` +
        `In a shallow clone fetch the whole history: \`git fetch --unshallow\`, or \`fetch-depth: 0\` in a workflow.`,
    );
  }

  /** A commit's id; undefined where the repository has none yet. */
  async head(): Promise<string | undefined> {
    try {
      return (await git(this.#dir, ["rev-parse", "--verify", "--quiet", "HEAD"])).toString().trim();
    } catch {
      return undefined;
    }
  }

  /** Files of a commit below the given paths of the project. */
  async files(commit: string, paths: readonly string[]): Promise<GitFile[]> {
    const full = paths.map((path) => `${this.#prefix}${path}`);
    const listed = await git(this.#dir, ["ls-tree", "-r", "-z", "--full-tree", commit, "--", ...full]);
    return listed
      .toString()
      .split("\0")
      .flatMap((entry) => {
        const found = /^(\d+) (\w+) ([0-9a-f]+)\t(.+)$/s.exec(entry);
        if (found === null) return [];
        const [, mode = "", type = "", object = "", path = ""] = found;
        const kind = type !== "blob" ? "other" : mode === "120000" ? "link" : "file";
        return [{ path: path.slice(this.#prefix.length), kind, object } as const];
      });
  }

  /** @throws UserError when they are larger than a registry can be. */
  async contents(files: readonly GitFile[]): Promise<ReadonlyMap<string, Buffer>> {
    if (files.length === 0) return new Map();
    const output = await git(this.#dir, ["cat-file", "--batch"], files.map(({ object }) => object).join("\n") + "\n");
    const contents = new Map<string, Buffer>();
    let offset = 0;
    for (const { path } of files) {
      const end = output.indexOf(0x0a, offset);
      const size = Number(/ (\d+)$/.exec(output.subarray(offset, end).toString())?.[1] ?? Number.NaN);
      if (!Number.isInteger(size)) throw new UserError(`git has no content of ${quote(path)}.`);
      contents.set(path, output.subarray(end + 1, end + 1 + size));
      offset = end + 1 + size + 1;
    }
    return contents;
  }

  /** What the work tree has otherwise than the commit, files that nobody added included. */
  async changes(commit: string): Promise<FileChange[]> {
    const plain = ["--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules"];
    const differing = await git(this.#dir, ["diff", "--name-status", "-z", ...plain, commit, "--"]);
    const untracked = await git(this.#dir, ["ls-files", "-z", "--others", "--exclude-standard", "--full-name"]);
    const words = differing.toString().split("\0");
    const changes: FileChange[] = [];
    for (let index = 0; index + 1 < words.length; index += 2) {
      const [status = "", path = ""] = [words[index], words[index + 1]];
      const change = status.startsWith("A") ? "added" : status.startsWith("D") ? "removed" : "changed";
      changes.push({ path: this.#fromProject(path), change });
    }
    for (const path of untracked.toString().split("\0")) {
      if (path !== "") changes.push({ path: this.#fromProject(path), change: "added" });
    }
    return changes.sort((one, other) => (one.path < other.path ? -1 : 1));
  }

  #fromProject(path: string): string {
    if (path.startsWith(this.#prefix)) return path.slice(this.#prefix.length);
    return relative(join("/", this.#prefix), join("/", path));
  }

  async #line(args: readonly string[], fault: string): Promise<string> {
    try {
      const line = (await git(this.#dir, args)).toString().trim();
      if (/^[0-9a-f]{40,64}$/.test(line)) return line;
    } catch {
      // Told below: git itself says nothing with --quiet.
    }
    throw new UserError(fault);
  }
}

/** Nothing of the caller's environment points git to another repository, and no pager or prompt waits. */
function environment(): NodeJS.ProcessEnv {
  const left = Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_"));
  return { ...Object.fromEntries(left), GIT_TERMINAL_PROMPT: "0", GIT_OPTIONAL_LOCKS: "0", LC_ALL: "C" };
}

async function git(dir: string, args: readonly string[], input?: string): Promise<Buffer> {
  const options = { cwd: dir, env: environment(), maxBuffer: maxBytes, encoding: "buffer" as const };
  // fsmonitor names a program that git would start.
  const all = ["-c", "core.fsmonitor=false", "-c", "core.quotePath=false", ...args];
  if (input === undefined) return (await promisify(execFile)("git", all, options)).stdout;
  return new Promise((resolve, reject) => {
    const child = spawn("git", all, { cwd: dir, env: environment(), stdio: ["pipe", "pipe", "ignore"] });
    const chunks: Buffer[] = [];
    let size = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else child.kill();
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (size > maxBytes) reject(new UserError(`the registry's files at the base are larger than ${maxBytes} bytes.`));
      else if (code === 0) resolve(Buffer.concat(chunks));
      else reject(new Error(`git ${args[0] ?? ""} ended with ${String(code)}`));
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

function firstLine(error: unknown): string {
  const stderr = error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
  return stderr.split("\n")[0] ?? "";
}
