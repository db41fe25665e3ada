/** `.dev/env`: what plain `pulumi` needs in a shell to work on the development stack. */
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { isExecutable } from "../cli/find-pulumi.ts";
import { writePrivate } from "../cli/private-file.ts";
import { developmentPassphrase, type Project } from "../cli/project.ts";
import type { Services } from "./services/index.ts";

/**
 * Writes `.dev/env` and the folder `.dev/bin` that it puts first on PATH: the pinned Node.js, the clients of the
 * embedded services, and `pulumi` itself with the development stack's own configuration file, because the salt of this
 * machine's passphrase may not get into the Pulumi.dev.yaml that is in version control.
 */
export function writeEnvironment(project: Project, engine: "pulumi" | "local", clients: Services["bin"]): void {
  const bin = join(project.devDir, "bin");
  mkdirSync(bin, { recursive: true, mode: 0o700 });
  link(process.execPath, join(bin, "node"));
  for (const [name, path] of [
    ["psql", clients.psql],
    ["pg_dump", clients.pgDump],
    ["pg_restore", clients.pgRestore],
  ] as const) {
    writeExecutable(join(bin, name), clientScript(path));
  }
  if (engine === "pulumi") writeExecutable(join(bin, "pulumi"), pulumiScript(project));
  const variables: Record<string, string> = {
    PULUMI_BACKEND_URL: `file://${join(project.devDir, "state")}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: developmentPassphrase(project).file,
    PULUMI_STACK: project.stack,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
  };
  const lines = [
    "# Source this file: `source .dev/env`. Written by `npm run dev`.",
    `export PATH=${quote(bin)}:"$PATH"`,
    ...Object.entries(variables).map(([name, value]) => `export ${name}=${quote(value)}`),
  ];
  writePrivate(join(project.devDir, "env"), `${lines.join("\n")}\n`);
}

/** The clients bring their libraries along, in the folder beside theirs. */
function clientScript(path: string): string {
  const libraries = join(dirname(dirname(path)), "lib");
  return `#!/bin/sh\nLD_LIBRARY_PATH=${quote(libraries)} exec ${quote(path)} "$@"\n`;
}

function pulumiScript(project: Project): string {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const own = join(project.devDir, "bin");
  const real = folders.find((folder) => folder !== own && isExecutable(join(folder, "pulumi")));
  const copy = join(project.devDir, `Pulumi.${project.stack}.yaml`);
  const tracked = join(project.dir, `Pulumi.${project.stack}.yaml`);
  const salted = join(project.devDir, "init", `Pulumi.${project.stack}.yaml`);
  return [
    "#!/bin/sh",
    "# pulumi, with the configuration of this machine's development stack.",
    `PATH=${quote(dirname(join(real ?? "", "pulumi")))}:"$PATH"`,
    'case "$1" in',
    "  preview | up | update | refresh | destroy)",
    `    { cat ${quote(tracked)}; grep '^encryptionsalt:' ${quote(salted)}; } >${quote(copy)}.new && mv ${quote(copy)}.new ${quote(copy)}`,
    `    exec ${quote(join(real ?? "", "pulumi"))} "$@" --config-file ${quote(copy)}`,
    "    ;;",
    "esac",
    `exec ${quote(join(real ?? "", "pulumi"))} "$@"`,
    "",
  ].join("\n");
}

/** A script that is in a user's PATH may be replaced while it runs: a new file, not new text in the old one. */
function writeExecutable(path: string, text: string): void {
  rmSync(path, { force: true });
  writeFileSync(path, text, { mode: 0o700 });
  chmodSync(path, 0o700);
}

function link(target: string, path: string): void {
  rmSync(path, { force: true });
  symlinkSync(target, path);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
