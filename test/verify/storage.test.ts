import { DeleteObjectCommand, HeadBucketCommand, ListMultipartUploadsCommand } from "@aws-sdk/client-s3";
import { PutUserPolicyCommand } from "@aws-sdk/client-iam";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Controls, type Result } from "../../verify/assault.ts";
import { ProbeError } from "../../verify/attempt.ts";
import type { Party } from "../../verify/party.ts";
import { storageProbe } from "../../verify/storage/probe.ts";
import { rememberPolicy } from "./storage-damage.ts";
import { mutations } from "./storage-mutations.ts";
import { attack, type Ground, idsOf, newId, shared, startGround, type Tenant } from "./storage-support.ts";

const probe = storageProbe();
let ground: Ground;
let attacker: Tenant;
let canary: Tenant;

beforeAll(async () => {
  ground = await startGround();
  attacker = await ground.provision(newId());
  canary = await ground.provision(newId(), true);
  await probe.furnish(canary.party);
  await rememberPolicy(ground);
});

afterAll(() => ground.end());

/** As in `storage/get-object LEAK HTTP 206`. */
function beyondExpected(results: readonly Result[]): readonly string[] {
  return results
    .filter(({ verdict, control }) => verdict !== "denied as expected" || control?.kind !== "proven")
    .map(({ attempt, verdict, detail }) => `${attempt.id} ${verdict} ${detail}`);
}

/** Bucket policies reach the server by a stream of its own: until then nothing has changed. */
async function soon(check: () => Promise<void>): Promise<void> {
  await vi.waitFor(check, { timeout: 10_000, interval: 100 });
}

const withKey = (party: Party, accessKeyId: string, secretAccessKey: string): Party => {
  if (party.storage === undefined) throw new Error("no storage");
  return { ...party, storage: { ...party.storage, accessKeyId, secretAccessKey } };
};

describe("the catalogue", () => {
  it("has at least 40 attempts on S3 servers and each id once, and each says how, why and by which page", () => {
    const ids = probe.attempts.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(probe.attempts.filter((attempt) => probe.applies(attempt, canary.party)).length).toBe(93);
    expect(ids.length).toBe(100);
    for (const { id, store, why, source, how, tries } of probe.attempts) {
      expect(id).toMatch(/^storage\/[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*$/);
      expect(store).toBe("storage");
      expect(source).toMatch(/^https:\/\/|^docs\//);
      for (const text of [why, how, tries]) expect(text.length).toBeGreaterThan(5);
    }
  });

  it("offers the session keys of STS only where there is an STS, and folders only on file systems", () => {
    const on = (party: Party) => probe.attempts.filter((attempt) => probe.applies(attempt, party)).map(({ id }) => id);
    expect(on(canary.party)).toContain("storage/sts-federation-token");
    expect(on(shared(canary.party))).not.toContain("storage/sts-federation-token");
    expect(on(canary.party).filter((id) => id.includes("/folder-"))).toEqual([]);
    expect(on({ id: "none", canary: true })).toEqual([]);
  });
});

describe("on an intact S3 server", () => {
  it("every attempt of a tenant on the canary is denied as expected, and every control is proven", async () => {
    const results = await attack(probe, attacker.party, canary.party);
    expect(beyondExpected(results)).toEqual([]);
    expect(results.length).toBe(93);
    expect(results.filter(({ form }) => form === "dry")).toEqual([]);
  });

  it("a server that others use gets the dry forms of what everyone would feel", async () => {
    const results = await attack(probe, attacker.party, shared(canary.party));
    expect(beyondExpected(results)).toEqual([]);
    const dry = results.filter(({ form }) => form === "dry").map(({ attempt }) => attempt);
    expect(dry.length).toBe(10);
    expect(dry.every(({ harm }) => harm === "server")).toBe(true);
  });

  it("the canary's attempts on a tenant are denied, and those that would change something are not made", async () => {
    const results = await attack(probe, canary.party, attacker.party);
    const made = results.filter(({ verdict }) => verdict !== "not made");
    expect(beyondExpected(made)).toEqual([]);
    expect(made.length).toBeGreaterThan(50);
    expect(made.every(({ attempt }) => attempt.harm === "none")).toBe(true);
  });

  it("the canary's attempts leave a tenant's objects and the tenant's own controls as they were", async () => {
    const list = () => ground.admin.s3.send(new ListMultipartUploadsCommand({ Bucket: ground.server.bucket }));
    const uploads = (await list()).Uploads?.map(({ Key }) => Key);
    expect(uploads).toEqual([`${canary.inputs.prefix}tenancy-verify/upload`]);
  });

  it("shows a tenant only what the residue lists", async () => {
    const seen = await probe.visible(attacker.party, canary.party);
    expect(seen).toEqual(["S3, name of the bucket", "S3, owner of the tenant's folders"]);
    const places = probe.residue.map(({ place }) => place);
    expect(seen.filter((place) => !places.includes(place))).toEqual([]);
  });

  it("an access key that the server does not know is an error and no denial", async () => {
    const stranger = withKey(attacker.party, "AKIANOBODY", "secret-of-nobody");
    await expect(probe.open(stranger)).rejects.toThrow(ProbeError);
    await expect(probe.open(stranger)).rejects.toThrow(/access key is refused: 403 InvalidAccessKeyId$/);
    await expect(probe.open(stranger)).rejects.not.toThrow(/secret-of-nobody/);
  });

  it("a server that does not answer is an error without a secret", async () => {
    const { storage } = attacker.party;
    if (storage === undefined) throw new Error("no storage");
    const server = { ...ground.server, endpoint: "https://127.0.0.1:1" };
    const lost: Party = { ...attacker.party, storage: { ...storage, server } };
    await expect(probe.open(lost)).rejects.toThrow(/no answer of the server: ECONNREFUSED$/);
  });

  it("no attempt on folders is made on a bucket", async () => {
    const session = await probe.open(attacker.party);
    const attempt = probe.attempts.find(({ id }) => id === "storage/folder-read");
    if (attempt === undefined) throw new Error("no such attempt");
    expect(await session.attempt(attempt, canary.party, "real")).toEqual({
      kind: "failed",
      reason: "not possible on an S3 server",
    });
    await session.close();
  });

  it("a canary can be furnished twice, and attacked when its objects are gone", async () => {
    await probe.furnish(canary.party);
    const Key = `${canary.inputs.prefix}tenancy-verify/object`;
    await ground.admin.s3.send(new DeleteObjectCommand({ Bucket: ground.server.bucket, Key }));
    expect(idsOf(await attack(probe, attacker.party, canary.party), "LEAK")).toEqual([]);
    await probe.furnish(canary.party);
  });
});

describe("on an S3 server that was broken", () => {
  it.each(mutations)("finds that $name", async (mutation) => {
    const { finds } = mutation;
    const scene = { ground, attacker, canary };
    try {
      const party = (await mutation.damage(scene)) ?? attacker.party;
      await soon(async () => {
        const results = await attack(probe, party, shared(canary.party));
        expect(idsOf(results, "LEAK")).toEqual(finds);
        expect(idsOf(results, "denied differently")).toEqual([]);
      });
    } finally {
      await mutation.restore?.(scene);
      await ground.repair(attacker);
      await ground.repair(canary);
      await probe.furnish(canary.party);
    }
    await soon(async () => {
      expect(beyondExpected(await attack(probe, attacker.party, canary.party))).toEqual([]);
    });
  });

  it("says of a tenant whose key does not open its own prefix that its denials are none", async () => {
    const other = withKey(
      attacker.party,
      canary.party.storage?.accessKeyId ?? "",
      canary.party.storage?.secretAccessKey ?? "",
    );
    const third = await ground.provision(newId(), true);
    await probe.furnish(third.party);
    const results = await attack(probe, other, third.party);
    expect(idsOf(results, "LEAK")).toEqual([]);
    expect(idsOf(results, "denied as expected")).toEqual([]);
    expect(results.find(({ attempt }) => attempt.id === "storage/get-object")?.detail).toBe(
      "denied (403 AccessDenied), but so is the tenant's own prefix",
    );
  });

  it("says that it could not try where the control fails, as it does with a victim's key that is refused", async () => {
    const locked = withKey(canary.party, "AKIANOBODY", "x");
    const controls = new Controls(probe, locked);
    const attempt = probe.attempts.find(({ id }) => id === "storage/get-object");
    if (attempt === undefined) throw new Error("no such attempt");
    expect(await controls.run(attempt)).toMatchObject({ kind: "failed" });
    await controls.close();
  });
});

// Last: it may cost the bucket.
describe("what everyone would feel", () => {
  it("is made for real on an embedded server whose dry form was denied, and is found by it", async () => {
    const bucket = `arn:aws:s3:::${ground.server.bucket}`;
    await ground.admin.iam.send(
      new PutUserPolicyCommand({
        UserName: attacker.inputs.username,
        PolicyName: "more",
        PolicyDocument: JSON.stringify({
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Action: "s3:*", Resource: [bucket, `${bucket}/*`] }],
        }),
      }),
    );
    const results = await attack(probe, attacker.party, canary.party);
    const removal = results.filter(({ attempt }) => /delete-bucket(-policy)?$/.test(attempt.id));
    expect(removal.map(({ attempt, form, verdict }) => `${attempt.id} ${form} ${verdict}`)).toEqual([
      "storage/delete-bucket-policy real LEAK",
      "storage/delete-bucket real LEAK",
    ]);
    await ground.admin.s3.send(new HeadBucketCommand({ Bucket: ground.server.bucket })).catch(() => undefined);
  });
});
