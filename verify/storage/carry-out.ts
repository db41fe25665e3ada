/** One attempt over the wire, and what has to be known before it. */
import type { S3Server } from "../../provider/config.ts";
import type { Form, Outcome, ProbeSession } from "../attempt.ts";
import type { StorageParty } from "../party.ts";
import { canaryFolder, judge, type S3Attempt, Scene, type Side } from "./scene.ts";
import type { Transport } from "./wire.ts";

/** Where a tenant's key does not even open its own prefix, a denial is none. */
export function withoutDenials(session: ProbeSession): ProbeSession {
  return {
    async attempt(...what) {
      const outcome = await session.attempt(...what);
      if (outcome.kind !== "denied") return outcome;
      return { kind: "failed", reason: `denied (${outcome.code}), but so is the tenant's own prefix` };
    },
    close: () => session.close(),
  };
}

export function side({ names, accessKeyId, secretAccessKey }: StorageParty): Side {
  return { names, key: { accessKeyId, secretAccessKey } };
}

export function alone(server: S3Server, who: Side) {
  return { server, attacker: who, victim: who, control: true, upload: { key: "", id: "" } };
}

export function noUpload({ names }: StorageParty) {
  return { key: `${names.prefix}${canaryFolder}upload`, id: "0".repeat(32) };
}

/** The first key that a tenant finds under its prefix by its own access key; one that is absent where there is none. */
export async function firstKey(
  transport: Transport,
  server: S3Server,
  party: StorageParty,
): Promise<{ readonly key: string; readonly refusal?: string }> {
  const { prefix } = party.names;
  const scene = new Scene({ ...alone(server, side(party)), own: "", target: "" });
  const query = { "list-type": "2", "max-keys": "1", "encoding-type": "url", prefix };
  const { code, body } = await transport.send(await scene.signed({ method: "GET", query }));
  const found = /<Key>([^<]+)<\/Key>/.exec(body)?.[1];
  const key = found === undefined ? scene.planted("absent") : decodeURIComponent(found.replaceAll("+", " "));
  return code === "200" ? { key } : { key, refusal: code };
}

export async function carryOut(transport: Transport, attempt: S3Attempt, scene: Scene, form: Form): Promise<Outcome> {
  const first = attempt.first === undefined ? undefined : await transport.send(await attempt.first(scene));
  if (first !== undefined && first.code !== "200") return { kind: "failed", reason: `before it: HTTP ${first.code}` };
  const wire = form === "dry" && attempt.dry !== undefined ? attempt.dry(scene) : attempt.make(scene, first);
  const answer = await transport.send(await wire);
  // What is not taken back goes with the canary; the outcome is the attempt's.
  const undo = attempt.undo?.(answer, scene, first);
  if (undo !== undefined) await transport.send(await undo).catch(() => undefined);
  return judge(attempt, answer, scene);
}
