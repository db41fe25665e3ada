/** Servers and tenants of one test file: mutations damage them, so they are shared with nobody. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storageNames } from "../../components/naming.ts";
import { startServices } from "../../dev/services/index.ts";
import type { Platform, S3Server } from "../../provider/config.ts";
import type { CallContext } from "../../provider/handler.ts";
import type { PrefixInputs, PrefixOutputs } from "../../provider/inputs.ts";
import { connectS3, type S3Clients } from "../../provider/storage/client.ts";
import { prefixHandler } from "../../provider/storage/prefix.ts";
import { assault, Controls, type Result } from "../../verify/assault.ts";
import type { StoreProbe } from "../../verify/attempt.ts";
import type { Party } from "../../verify/party.ts";
import { pythonDir } from "../support/global-setup.ts";

export interface Tenant {
  readonly party: Party;
  readonly inputs: PrefixInputs;
  readonly outputs: PrefixOutputs;
}

export interface Ground {
  readonly platform: Platform;
  readonly server: S3Server;
  readonly admin: S3Clients;
  provision(id: string, canary?: boolean, server?: string): Promise<Tenant>;
  /** The same handler's update: what `tenancy drift --repair` does. */
  repair(tenant: Tenant): Promise<void>;
  end(): Promise<void>;
}

export async function startGround(): Promise<Ground> {
  const dir = await mkdtemp(join(tmpdir(), "tenancy-verify-"));
  const services = await startServices({ dir, pythonDir, mode: "attached", durable: false, progress: () => undefined });
  const { platform } = services;
  const server = platform.storage.main;
  if (server?.kind !== "s3") throw new Error("the services have no S3 server");
  const admin = connectS3(server);
  const handler = prefixHandler({ platform });
  return {
    platform,
    server,
    admin,
    async provision(id, canary = false, name = "main") {
      const place = platform.storage[name];
      if (place === undefined) throw new Error(`the services have no storage "${name}"`);
      const names = storageNames("tenant", id);
      const inputs: PrefixInputs = {
        server: name,
        tenant: id,
        state: "active",
        ...names,
        folders: ["uploads", "processed"],
        rotation: 0,
      };
      const { outputs } = await handler.create(context(id), inputs);
      const { accessKeyId, secretAccessKey } = outputs;
      const storage = { name, server: place, embedded: true, names, accessKeyId, secretAccessKey };
      return { party: { id, canary, storage }, inputs, outputs };
    },
    async repair({ inputs, outputs }) {
      await handler.update(context(inputs.tenant), inputs.prefix, outputs, inputs);
    },
    async end() {
      admin.close();
      await handler.close?.();
      await services.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function context(tenant: string): CallContext {
  return {
    urn: `urn:pulumi:test::tenancy::tenancy:storage:Prefix::${tenant}`,
    adopt: new Set(),
    warn: () => undefined,
    status: () => undefined,
    signal: new AbortController().signal,
  };
}

export const newId = (): string => `v${randomBytes(5).toString("hex")}`;

/** One attacker against one victim, with fresh controls. */
export async function attack(probe: StoreProbe, attacker: Party, victim: Party): Promise<readonly Result[]> {
  const controls = new Controls(probe, victim);
  const results: Result[] = [];
  try {
    await assault(probe, attacker, victim, controls, (result) => results.push(result));
  } finally {
    await controls.close();
  }
  return results;
}

/** The party as on a server that others use, where what everyone would feel is tried dry. */
export function shared(party: Party): Party {
  return party.storage === undefined ? party : { ...party, storage: { ...party.storage, embedded: false } };
}

export function idsOf(results: readonly Result[], verdict: Result["verdict"]): readonly string[] {
  return results
    .filter((result) => result.verdict === verdict)
    .map(({ attempt }) => attempt.id.replace("storage/", ""))
    .toSorted();
}
