/** What the handlers of PostgreSQL are given. */
import type { Platform } from "../config.ts";
import { PostgresPools } from "./pool.ts";

export interface PostgresDependencies {
  readonly pools: PostgresPools;
  /** Absolute path of the folder of templates. */
  readonly templates: string;
  /** Absolute path of the project's folder. */
  readonly projectDir: string;
}

/** One set of connections for all handlers of a process: the limit of eight holds for them together. */
export function postgresDependencies(options: {
  readonly platform: Platform;
  readonly templates: string;
  readonly projectDir: string;
}): PostgresDependencies {
  return { pools: new PostgresPools(options.platform), templates: options.templates, projectDir: options.projectDir };
}
