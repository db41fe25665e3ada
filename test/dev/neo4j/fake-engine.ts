/** A stand-in for Neo4j: a shell that sleeps, and a file that holds its password. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "../../../dev/services/neo4j/engine.ts";
import type { BoltServer } from "../../../dev/services/neo4j/bolt.ts";

export interface FakeEngine extends Engine {
  /** What the server's process does. @default it sleeps */
  script: string;
  /** What keeps Neo4j from this machine. */
  missing: string | undefined;
  /** Awaited before a server counts as ready. */
  hold: (home: string) => Promise<unknown>;
  /** Runs before a password is changed, and after. */
  beforeChange: () => void;
  afterChange: () => void;
  /** Times that an empty server was made. */
  made: number;
}

export function fakeEngine(): FakeEngine {
  const homes = new Map<number, string>();
  const passwordFile = (port: number): string => join(homes.get(port) ?? "", "password");
  const engine: FakeEngine = {
    script: "exec sleep 1000",
    missing: undefined,
    hold: () => Promise.resolve(),
    beforeChange: () => undefined,
    afterChange: () => undefined,
    made: 0,
    version: "0.0.0",

    obstacle: () => Promise.resolve(engine.missing),
    prepare(progress) {
      progress("downloading");
      return engine.missing === undefined ? Promise.resolve() : Promise.reject(new Error(engine.missing));
    },
    async make({ home, port }, password) {
      homes.set(port, home);
      engine.made++;
      await writeFile(passwordFile(port), password);
    },
    configure({ home, port }) {
      homes.set(port, home);
      return Promise.resolve();
    },
    command: ({ home }) => ({
      argv: ["/bin/sh", "-c", engine.script],
      cwd: home,
      env: { PATH: process.env.PATH },
      graceSeconds: 2,
    }),
    async login({ port }: BoltServer, passwords, signal) {
      await delay(20, undefined, { signal });
      await Promise.race([engine.hold(homes.get(port) ?? ""), aborted(signal)]);
      const current = await readFile(passwordFile(port), "utf8");
      if (passwords.includes(current)) return current;
      throw new Error("refuses the login");
    },
    async changePassword({ port }: BoltServer, _from, to) {
      engine.beforeChange();
      await writeFile(passwordFile(port), to);
      engine.afterChange();
    },
  };
  return engine;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => {
      reject(signal.reason as Error);
    });
  });
}
