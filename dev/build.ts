/** `npm run build`: the package in `dist`, as JavaScript with types, with the provider and the templates beside it. */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

const projectDir = resolve(import.meta.dirname, "..");
const dist = join(projectDir, "dist");

rmSync(dist, { recursive: true, force: true });
const compiler = join(projectDir, "node_modules", "typescript", "bin", "tsc");
const { status } = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], {
  cwd: projectDir,
  stdio: "inherit",
});
if (status === 0) {
  cpSync(join(projectDir, "templates"), join(dist, "templates"), {
    recursive: true,
    filter: (source) => !source.endsWith(".ts"),
  });
  const executable = join("provider", "pulumi-resource-tenancy");
  cpSync(join(projectDir, executable), join(dist, executable));
  chmodSync(join(dist, executable), 0o755);
  console.log("dist: built");
}
process.exitCode = status === 0 ? 0 : 1;
if (process.connected) process.disconnect();
