/** The instances and their API, as the supervisor runs them. */
import { readFile } from "node:fs/promises";
import type { Progress } from "../install.ts";
import { verifiesCertificate, type Context } from "../service.ts";
import { paths, type State } from "../state.ts";
import { startApi } from "./api.ts";
import type { ApiAddress } from "./client.ts";
import { communityEngine } from "./engine.ts";
import { Instances } from "./instances.ts";

export interface Manager {
  /** Closes the port and ends every instance; returns when none is left. */
  close(): Promise<void>;
}

export async function openManager(dir: string, state: State, progress: Progress): Promise<Manager> {
  const at = paths(dir);
  const [certificate, key] = await Promise.all([
    readFile(at.serverCertificate, "utf8"),
    readFile(at.serverKey, "utf8"),
  ]);
  const engine = communityEngine({ folder: state.programs.neo4j, python: state.programs.python, env: process.env });
  const instances = await Instances.open({ dir, engine, progress, verify: verifiesCertificate(state) });
  const token = state.secrets.neo4jApi;
  const server = await startApi({ port: state.ports["neo4j-api"], token, certificate, key, instances });
  return {
    close: async () => {
      server.close();
      await instances.close();
      server.closeAllConnections();
    },
  };
}

export function managerAddress({ state, ca }: Context): ApiAddress {
  const endpoint = `https://127.0.0.1:${state.ports["neo4j-api"]}`;
  return { endpoint, token: state.secrets.neo4jApi, ca, verify: verifiesCertificate(state) };
}
