/** The platform that both sides of a plan are run on, and what its servers carry. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type CloudServers, emptyClouds } from "../../components/platform-forms.ts";
import { parsePlatform } from "../../components/platform.ts";
import { type ProgramConfig, programConfig } from "../../policies/runner/stack-config.ts";
import { type StoreName, storeNames } from "../../provider/inputs.ts";
import type { Servers } from "../../tenants/load.ts";
import { type Project, stackConfig } from "../project.ts";
import { UserError } from "../user-error.ts";
import type { ServerNames } from "./written.ts";

/** For a password or key that no server will ever be asked with. */
const nothing = "not-a-credential";

export interface Surroundings {
  readonly config: ProgramConfig;
  /** Undefined where placeholders stand for the servers: then nobody knows kinds, regions and capacities. */
  readonly servers?: Servers;
  /** Entries on which tenants have servers of their own; none where the platform is not known. */
  readonly clouds: CloudServers;
}

/**
 * @param head - the branch's project: a file of the platform's servers lies in its folder, and in no version control
 * @param names - servers that the placements of both sides name: they are made up where none are known
 */
export function surroundings(project: Project, head: Project, names: ServerNames, platformFile?: string): Surroundings {
  const { values, notes } = programConfig(project, { platformFile });
  const written = stackConfig(project);
  const file = written["tenancy:platformFile"];
  if (platformFile === undefined && written["tenancy:platform"] === undefined) {
    const { "tenancy:platform": _platform, "tenancy:platformFile": _file, ...others } = values;
    const kept = notes.filter((note) => !note.includes("is not there"));
    const path = typeof file === "string" ? resolve(head.dir, file) : undefined;
    if (path === undefined || !existsSync(path)) {
      return {
        config: { values: { ...others, "tenancy:platform": JSON.stringify(placeholders(names)) }, notes: kept },
        clouds: emptyClouds(),
      };
    }
    const config = { values: { ...others, "tenancy:platformFile": path }, notes: kept };
    const { infos, clouds } = parsePlatform(readJson(path), path, dirname(path));
    return { config, servers: infos, clouds };
  }
  const { infos, clouds } = parsePlatform(JSON.parse(values["tenancy:platform"] ?? "{}"), "tenancy:platform", head.dir);
  return { config: { values, notes }, servers: infos, clouds };
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    throw new UserError(`${path} is not JSON.`);
  }
}

/** A server for each name that a tenant is placed on. */
export function placeholders(names: ServerNames): Record<StoreName, Record<string, object>> {
  const one: Readonly<Record<StoreName, (name: string) => object>> = {
    postgres: (name) => ({
      host: `${name}.postgres.invalid`,
      database: "tenants",
      provisioner: { user: "provisioner", password: nothing },
    }),
    redis: (name) => ({ nodes: [{ host: `${name}.redis.invalid` }], username: "admin", password: nothing }),
    storage: (name) => ({
      kind: "s3",
      endpoint: `https://${name}.storage.invalid`,
      region: "us-east-1",
      bucket: "tenants",
      accessKeyId: nothing,
      secretAccessKey: nothing,
    }),
    neo4j: (name) => ({ kind: "server", uri: `bolt+s://${name}.neo4j.invalid`, user: "admin", password: nothing }),
  };
  const made = (store: StoreName): Record<string, object> =>
    Object.fromEntries([...names[store]].sort().map((name) => [name, one[store](name)]));
  return Object.fromEntries(storeNames.map((store) => [store, made(store)])) as Record<
    StoreName,
    Record<string, object>
  >;
}
