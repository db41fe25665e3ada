/** What the manager needs of the servers that it runs: Neo4j Community, or a small stand-in in tests. */
import { join } from "node:path";
import { rm } from "node:fs/promises";
import { ServicesError } from "../error.ts";
import { errorMessage, privateFolder, writePrivate } from "../files.ts";
import { runGuarded, type GuardedCommand } from "../guard.ts";
import type { Progress } from "../install.ts";
import { changePassword, waitForLogin, type BoltServer } from "./bolt.ts";
import { ensureJars, neo4jVersion, readJarLock } from "./jars.ts";
import { ensureJava, ensureMavenClient, obstacle, type Machine } from "./java.ts";
import { passwordCommand, serverCommand, writeConfiguration, type Neo4jPrograms, type ServerPlace } from "./server.ts";

export interface Engine {
  readonly version: string;
  /** Why the server cannot be had on this machine, with what to install; undefined when nothing is known to miss. */
  obstacle(): Promise<string | undefined>;
  /** Downloads what is not there yet. @throws ServicesError with what to install */
  prepare(progress: Progress, signal: AbortSignal): Promise<void>;
  /** Makes an empty server with this password in an empty folder. */
  make(place: ServerPlace, password: string, signal: AbortSignal): Promise<void>;
  /** Writes what a start needs. */
  configure(place: ServerPlace): Promise<void>;
  command(place: ServerPlace): GuardedCommand;
  /** Waits until the server takes one of the passwords. @returns that one */
  login(server: BoltServer, passwords: readonly string[], signal: AbortSignal): Promise<string>;
  changePassword(server: BoltServer, from: string, to: string): Promise<void>;
}

export function communityEngine(machine: Machine): Engine {
  let ready: Neo4jPrograms | undefined;
  const programs = (): Neo4jPrograms => {
    if (ready === undefined) throw new Error("Neo4j's programs were not prepared");
    return ready;
  };
  return {
    version: neo4jVersion,
    obstacle: () => (ready === undefined ? obstacle(machine) : Promise.resolve(undefined)),

    async prepare(progress, signal) {
      if (ready !== undefined) return;
      const reason = await obstacle(machine);
      if (reason !== undefined) throw new ServicesError(reason);
      await privateFolder(machine.folder);
      const java = await ensureJava(machine, progress, signal);
      const client = (): Promise<string> => ensureMavenClient(machine, progress, signal);
      const jars = await ensureJars(join(machine.folder, "jars"), await readJarLock(), {
        ...machine,
        client,
        progress,
        signal,
      });
      ready = { java, jars };
    },

    async make(place, password, signal) {
      await writeConfiguration(place, programs());
      const argumentsFile = join(place.home, "conf", "first-password");
      try {
        await writePrivate(argumentsFile, `dbms set-initial-password ${password}\n`);
        const { code, output } = await runGuarded(passwordCommand(place.home, programs(), argumentsFile), signal);
        if (code !== 0) {
          const tail = output.replaceAll(password, "[secret]").trim().split("\n").slice(-5).join("\n");
          throw new ServicesError(`cannot be made: AdminTool ended with exit code ${code}.\n${tail}`);
        }
      } catch (error) {
        signal.throwIfAborted();
        throw error instanceof ServicesError ? error : new ServicesError(`cannot be made: ${errorMessage(error)}`);
      } finally {
        await rm(argumentsFile, { force: true });
      }
    },

    configure: (place) => writeConfiguration(place, programs()),
    command: ({ home }) => serverCommand(home, programs()),
    login: waitForLogin,
    changePassword,
  };
}
