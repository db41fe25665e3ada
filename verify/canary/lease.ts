/**
 * A lease is a file in `.dev/canaries/` that says which process made a canary, and where: what a killed run left is
 * removed by the next one on this machine at once, and elsewhere when it has expired. It holds no secret.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { writePrivate } from "../../cli/private-file.ts";
import { isLivingProcess } from "../../cli/project.ts";
import { storeNames } from "../../provider/inputs.ts";
import { expiryOf, isCanaryId } from "./id.ts";

const leaseSchema = z.object({
  pid: z.int(),
  hostname: z.string(),
  /** ISO 8601, UTC. */
  expires: z.string(),
  places: z.array(z.object({ store: z.enum(storeNames), server: z.string(), pool: z.string().optional() })),
});

/** A server that a canary lies on, or a pool on it whose member it is. */
export type Place = z.infer<typeof leaseSchema>["places"][number];

export interface Lease {
  readonly id: string;
  readonly places: readonly Place[];
  /** Whether the process that made the canary is gone. */
  readonly dead: boolean;
}

export function writeLease(folder: string, id: string, places: readonly Place[]): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const expires = new Date(expiryOf(id)).toISOString();
  const lease = { pid: process.pid, hostname: hostname(), expires, places };
  writePrivate(leaseFile(folder, id), `${JSON.stringify(lease, null, 2)}\n`);
}

export function removeLease(folder: string, id: string): void {
  rmSync(leaseFile(folder, id), { force: true });
}

export function readLeases(folder: string): Lease[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    const id = name.replace(/\.json$/, "");
    if (id === name || !isCanaryId(id)) return [];
    const parsed = leaseSchema.safeParse(parse(join(folder, name)));
    // One that cannot be read says nothing: the canary goes when it has expired.
    if (!parsed.success) return [];
    const { pid, hostname: host, places } = parsed.data;
    return [{ id, places, dead: !isLivingProcess(pid, host) }];
  });
}

function leaseFile(folder: string, id: string): string {
  return join(folder, `${id}.json`);
}

function parse(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
