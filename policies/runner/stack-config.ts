/** A stack's configuration as its program gets it, without a passphrase and without the development servers. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { developmentStack, type Project, stackConfig } from "../../cli/project.ts";
import { UserError } from "../../cli/user-error.ts";

export interface ProgramConfig {
  readonly values: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

/** For a secure value: it cannot be read here, and no rule may tell it anyway. */
const placeholder = "secure-value-that-is-not-read";

/** As the embedded services write it (dev/services/platform.ts), for a machine on which they never ran. */
const developmentPlatform = {
  postgres: {
    main: { host: "127.0.0.1", port: 5432, database: "tenants", provisioner: { user: "p", password: placeholder } },
  },
  redis: { main: { nodes: [{ host: "127.0.0.1", port: 6379 }], username: "admin", password: placeholder } },
  storage: {
    main: {
      kind: "s3",
      endpoint: "https://127.0.0.1:8333",
      region: "us-east-1",
      bucket: "tenants",
      accessKeyId: placeholder,
      secretAccessKey: placeholder,
    },
    files: { kind: "filesystem", root: "/srv/tenancy" },
  },
};

export interface ConfigOptions {
  /** File with the platform's servers, instead of what the stack's configuration says. */
  readonly platformFile?: string;
  /** Values that stand in for those of the stack's configuration, by full key. */
  readonly config?: Readonly<Record<string, string>>;
}

/** @throws UserError when a file that is named cannot be read. */
export function programConfig(project: Project, options: ConfigOptions = {}): ProgramConfig {
  const notes: string[] = [];
  const values: Record<string, string> = {};
  let secure = 0;
  const readable = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(readable);
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value);
    if (entries.length === 1 && entries[0]?.[0] === "secure") {
      secure += 1;
      return placeholder;
    }
    return Object.fromEntries(entries.map(([key, inner]) => [key, readable(inner)]));
  };
  for (const [key, value] of Object.entries(stackConfig(project))) {
    const read = readable(value);
    const full = key.includes(":") ? key : `${project.name}:${key}`;
    values[full] = typeof read === "string" ? read : JSON.stringify(read);
  }
  if (secure > 0) notes.push(`${secure} secure values of Pulumi.${project.stack}.yaml stand as placeholders`);
  usePlatform(values, project, options, notes);
  if (options.config?.["tenancy:platform"] !== undefined) delete values["tenancy:platformFile"];
  Object.assign(values, options.config);
  return { values, notes };
}

function usePlatform(values: Record<string, string>, project: Project, options: ConfigOptions, notes: string[]): void {
  const { platformFile } = options;
  if (platformFile !== undefined) {
    const path = resolve(platformFile);
    if (!existsSync(path)) throw new UserError(`--platform ${JSON.stringify(platformFile)} is not there.`);
    delete values["tenancy:platform"];
    delete values["tenancy:platformFile"];
    // YAML, of which JSON is a part: for files that people write.
    values["tenancy:platform"] = JSON.stringify(absoluteCaFiles(parse(readFileSync(path, "utf8")), dirname(path)));
    return;
  }
  const file = values["tenancy:platformFile"];
  if (file === undefined || project.stack !== developmentStack || existsSync(resolve(project.dir, file))) return;
  delete values["tenancy:platformFile"];
  values["tenancy:platform"] = JSON.stringify(developmentPlatform);
  notes.push(`${file} is not there: the development servers stand as \`npm run dev\` would make them`);
}

/** An inline platform names files from the project's folder; these are named from the file's. */
function absoluteCaFiles(value: unknown, folder: string): unknown {
  if (Array.isArray(value)) return value.map((item) => absoluteCaFiles(item, folder));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === "caFile" && typeof inner === "string" ? resolve(folder, inner) : absoluteCaFiles(inner, folder),
    ]),
  );
}
