// Runs a script of the project on the pinned Node.js, after installing the packages where they are missing or stale.
// Plain JavaScript without packages: it is the first thing that runs in a fresh clone, on any Node.js from 20 on.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const projectDir = dirname(dirname(fileURLToPath(import.meta.url)));
const [script, ...args] = process.argv.slice(2);

if (Number(process.versions.node.split(".")[0]) < 20) {
  fail(`Node.js ${process.versions.node} is too old: install Node.js 20 or newer. Newer ones are fine, too.`);
}
if (!installed()) install();

const pinned = join(projectDir, "node_modules", ".bin", "node");
const node = existsSync(pinned) ? pinned : process.execPath;
if (node === process.execPath && !readsTypeScript(process.versions.node)) {
  fail(
    `there is no pinned Node.js for ${process.platform} ${process.arch}, and the one found is ${process.versions.node}: ` +
      `install Node.js 22.18 or newer.`,
  );
}
// The channel tells the script when this process is gone, however it went.
const child = spawn(node, ["--disable-warning=ExperimentalWarning", join(projectDir, script), ...args], {
  stdio: ["inherit", "inherit", "inherit", "ipc"],
  // Compiled code is kept: commands, program and provider start in two thirds of the time.
  env: { NODE_COMPILE_CACHE: join(projectDir, ".dev", "node-cache"), ...process.env },
});
// A terminal sends Ctrl-C to the child, too: it decides how to end.
process.on("SIGINT", () => undefined);
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));

/** Whether node_modules holds exactly what the lock file names; npm writes its own record last, so a cut install shows. */
function installed() {
  const wanted = readLock(join(projectDir, "package-lock.json"));
  const found = readLock(join(projectDir, "node_modules", ".package-lock.json"));
  if (wanted === undefined)
    fail("package-lock.json is missing or no JSON: restore it with `git checkout package-lock.json`.");
  if (found === undefined) return false;
  return Object.entries(wanted).every(
    ([path, entry]) => path === "" || entry.optional || found[path]?.version === entry.version,
  );
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages;
  } catch {
    return undefined;
  }
}

function install() {
  const lock = join(projectDir, ".dev", "install.lock");
  mkdirSync(dirname(lock), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx" });
  } catch {
    const holder = Number(readFileSync(lock, "utf8"));
    if (isAlive(holder)) fail(`process ${holder} is installing the packages: wait for it, then run this again.`);
    rmSync(lock, { force: true });
    return install();
  }
  process.stderr.write("installing packages (about 640 MB, once) …\n");
  const started = Date.now();
  // Standard output stays the script's own: it may be JSON for another program.
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: projectDir,
    stdio: ["ignore", process.stderr, process.stderr],
  });
  rmSync(lock, { force: true });
  if (status !== 0) fail("`npm ci` failed, see above. With the registry reachable again, run this once more.");
  process.stderr.write(`packages installed in ${((Date.now() - started) / 1000).toFixed(0)} s\n`);
}

function isAlive(pid) {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}

function readsTypeScript(version) {
  const [major, minor] = version.split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 18);
}

function fail(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(1);
}
