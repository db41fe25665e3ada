/** The one attempt that needs nodes: a pod in the attacker's namespace tries to connect to the victim's database. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { messageOf } from "../../provider/message.ts";
import { type Control, judge, type Verdict } from "../assault.ts";
import type { Outcome } from "../attempt.ts";
import { type Api, outcomeOf } from "./api.ts";
import type { NamespaceAttempt, Scene } from "./recipe.ts";
import { inside, podManifest } from "./requests.ts";

export interface Connection {
  /** With `pg_isready`; the platform's `postgresImage`. */
  readonly image: string;
  /** Whose pods are let in: where the control runs. */
  readonly applicationNamespace: string;
  /** @default 1000 */
  readonly pollMs?: number;
  /** So often it is asked for the pod's end. @default 180 */
  readonly polls?: number;
}

export const connectionAttempt: NamespaceAttempt = {
  id: "kubernetes/connect",
  store: "kubernetes",
  aim: "escape",
  tries: "connect from its own namespace to another tenant's database",
  how: "pg_isready -h tenant-victim-rw.tenant-victim.svc -t 5, in a pod in tenant-attacker",
  expected: ["no response"],
  why: "A network plugin that knows no policies lets everything pass and says nothing.",
  source: "https://kubernetes.io/docs/concepts/services-networking/network-policies/#prerequisites",
  harm: "none",
  control: "administrator",
};

export interface ConnectionResult {
  readonly verdict: Verdict;
  readonly detail: string;
  readonly control: Control;
}

export async function tryConnection(
  administrator: Api,
  { own, other }: Scene,
  connection: Connection,
): Promise<ConnectionResult> {
  const host = `${other.cluster}-rw.${other.namespace}.svc`;
  const attempt = await connectFrom(administrator, own.namespace, host, connection);
  const proof = await connectFrom(administrator, connection.applicationNamespace, host, connection);
  const control: Control =
    proof.kind === "allowed"
      ? { kind: "proven", by: `pod in ${connection.applicationNamespace}` }
      : { kind: "failed", reason: proof.kind === "denied" ? proof.code : proof.reason };
  return { ...judge(connectionAttempt, attempt, control, "real"), control };
}

const podSchema = z.object({
  status: z.object({
    phase: z.string().optional(),
    containerStatuses: z
      .array(
        z.object({
          state: z.object({
            terminated: z.object({ exitCode: z.int() }).optional(),
            waiting: z.object({ reason: z.string().optional() }).optional(),
          }),
        }),
      )
      .default([]),
  }),
});

/** https://www.postgresql.org/docs/current/app-pg-isready.html: 0 accepts, 1 rejects, 2 does not answer. */
async function connectFrom(api: Api, namespace: string, host: string, connection: Connection): Promise<Outcome> {
  const { image, pollMs = 1000, polls = 180 } = connection;
  const name = `tenancy-verify-${randomBytes(4).toString("hex")}`;
  const path = inside(namespace, `pods/${name}`);
  const command = ["pg_isready", "-h", host, "-p", "5432", "-U", "probe", "-d", "probe", "-t", "5"];
  try {
    const body = podManifest(namespace, {
      name,
      image,
      command,
      cpu: "50m",
      memory: "64Mi",
      spec: { restartPolicy: "Never" },
    });
    const made = outcomeOf(await api.ask({ method: "POST", path: inside(namespace, "pods"), body }));
    if (made.kind === "denied") return { kind: "failed", reason: `no pod can be made in ${namespace}: ${made.code}` };
    if (made.kind === "failed") return made;
    let waits = "it was not started";
    try {
      for (let poll = 0; poll < polls; poll += 1) {
        await sleep(pollMs);
        const answer = await api.ask({ method: "GET", path });
        const pod = podSchema.safeParse(answer.body);
        const state = pod.success ? pod.data.status.containerStatuses[0]?.state : undefined;
        const code = state?.terminated?.exitCode;
        if (code === 0 || code === 1) return { kind: "allowed", evidence: code === 0 ? "accepted" : "answered" };
        if (code === 2) return { kind: "denied", code: "no response" };
        if (code !== undefined) return { kind: "failed", reason: `pg_isready in ${namespace} ended with ${code}` };
        waits = state?.waiting?.reason ?? waits;
      }
      return { kind: "failed", reason: `the pod in ${namespace} did not end: ${waits}` };
    } finally {
      await api.ask({ method: "DELETE", path: `${path}?gracePeriodSeconds=0` });
    }
  } catch (error) {
    return { kind: "failed", reason: messageOf(error) };
  }
}
