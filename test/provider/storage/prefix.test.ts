import {
  CreateAccessKeyCommand,
  DeleteAccessKeyCommand,
  DeleteUserPolicyCommand,
  GetUserCommand,
  ListAccessKeysCommand,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { afterAll, describe, expect, it } from "vitest";
import { ProviderError } from "../../../provider/handler.ts";
import type { PrefixInputs, PrefixOutputs } from "../../../provider/inputs.ts";
import type { S3Server } from "../../../provider/config.ts";
import { connectS3 } from "../../../provider/storage/client.ts";
import { prefixHandler } from "../../../provider/storage/prefix.ts";
import {
  admin,
  Bucket,
  closeAll,
  connect,
  newContext,
  newHandler,
  newTenant,
  outcome,
  platform,
  s3Server,
  waiver,
} from "./support.ts";

const handler = newHandler();
afterAll(async () => {
  closeAll();
  await handler.close?.();
});

async function created(changes: Partial<PrefixInputs> = {}) {
  const inputs = newTenant(changes);
  const { context, warnings, statuses } = newContext(inputs.tenant);
  const { id, outputs } = await handler.create(context, inputs);
  return { inputs, context, warnings, statuses, id, outputs };
}

async function keysOf(UserName: string): Promise<(string | undefined)[]> {
  const { AccessKeyMetadata } = await admin.iam.send(new ListAccessKeysCommand({ UserName }));
  return (AccessKeyMetadata ?? []).map(({ AccessKeyId }) => AccessKeyId);
}

const put = (Key: string, Body = "x") => admin.s3.send(new PutObjectCommand({ Bucket, Key, Body }));
const listOwn = (outputs: PrefixOutputs) =>
  outcome(connect(outputs).send(new ListObjectsV2Command({ Bucket, Prefix: outputs.prefix })));

describe("the life of a tenant's prefix", () => {
  it("begins with folders and a key that works at once, with no drift", async () => {
    const { inputs, context, id, outputs } = await created();
    expect(id).toBe(`main/${inputs.prefix}`);
    expect(await listOwn(outputs)).toBe("done");
    expect(await keysOf(inputs.username)).toEqual([outputs.accessKeyId]);
    expect(await handler.read(context, id, inputs, outputs)).toEqual({ inputs, outputs });
  });

  it("suspends with objects kept, refuses the key when update returns, and resumes with the same key", async () => {
    const { inputs, context, id, outputs } = await created();
    await put(`${inputs.prefix}kept`);
    const closed = { ...inputs, state: "suspended" as const };
    const suspended = await handler.update(context, id, outputs, closed);
    expect(await listOwn(outputs)).toBe("AccessDenied");
    expect((await handler.read(context, id, closed, suspended))?.inputs).toEqual(closed);
    const resumed = await handler.update(context, id, suspended, inputs);
    expect(resumed.accessKeyId).toBe(outputs.accessKeyId);
    const { Body } = await connect(resumed).send(new GetObjectCommand({ Bucket, Key: `${inputs.prefix}kept` }));
    expect(await Body?.transformToString()).toBe("x");
  });

  it("may begin suspended", async () => {
    const { inputs, context, id, outputs } = await created({ state: "suspended" });
    expect(await listOwn(outputs)).not.toBe("done");
    expect(await listOwn(await handler.update(context, id, outputs, { ...inputs, state: "active" }))).toBe("done");
  });

  it("takes a new key when rotation is raised, and deletes the old one", async () => {
    const { inputs, context, id, outputs } = await created();
    const rotated = await handler.update(context, id, outputs, { ...inputs, rotation: 1 });
    expect(rotated.accessKeyId).not.toBe(outputs.accessKeyId);
    expect(await keysOf(inputs.username)).toEqual([rotated.accessKeyId]);
    expect(await listOwn(rotated)).toBe("done");
    expect(await listOwn(outputs)).toBe("InvalidAccessKeyId");
  });

  it(
    "ends with more than 2,500 versions, markers and an upload gone and proven so, and ends so again",
    { timeout: 120_000 },
    async () => {
      const { inputs, context, warnings, statuses, id, outputs } = await created();
      const neighbour = `tenants/${inputs.tenant}2/kept`;
      await put(neighbour, "theirs");
      const keys = Array.from(
        { length: 2_600 },
        (_, index) => `${inputs.prefix}uploads/deep/${String(index).padStart(5, "0")}`,
      );
      for (let start = 0; start < keys.length; start += 50)
        await Promise.all(keys.slice(start, start + 50).map((key) => put(key)));
      await Promise.all(keys.slice(0, 20).map((key) => put(key, "second version")));
      for (const key of keys.slice(0, 10)) await admin.s3.send(new DeleteObjectCommand({ Bucket, Key: key }));
      await admin.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: `${inputs.prefix}open` }));

      const gone = await handler.update(context, id, outputs, {
        ...inputs,
        state: "offboarding",
        backupWaiver: waiver,
      });
      await handler.delete(context, id, gone);
      await handler.delete(context, id, gone);
      expect(statuses.filter((status) => status.startsWith("deleted")).length).toBeGreaterThanOrEqual(3);
      for (const Prefix of [inputs.prefix, `.tenancy/tenants/${inputs.tenant}.json`]) {
        const { Versions, DeleteMarkers } = await admin.s3.send(new ListObjectVersionsCommand({ Bucket, Prefix }));
        expect([...(Versions ?? []), ...(DeleteMarkers ?? [])]).toEqual([]);
      }
      const { Contents } = await admin.s3.send(new ListObjectsV2Command({ Bucket, Prefix: inputs.prefix }));
      expect(Contents ?? []).toEqual([]);
      const { Uploads } = await admin.s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: inputs.prefix }));
      expect(Uploads ?? []).toEqual([]);
      // Nor an empty folder, which would look like an orphan.
      const beside = { Bucket, Prefix: `tenants/${inputs.tenant}`, Delimiter: "/" };
      const { CommonPrefixes } = await admin.s3.send(new ListObjectsV2Command(beside));
      expect(CommonPrefixes?.map(({ Prefix }) => Prefix)).toEqual([`tenants/${inputs.tenant}2/`]);
      expect(await outcome(admin.iam.send(new GetUserCommand({ UserName: inputs.username })))).toBe(
        "NoSuchEntityException",
      );
      expect(await outcome(admin.s3.send(new GetObjectCommand({ Bucket, Key: neighbour })))).toBe("done");
      expect(warnings).toEqual([]);
      expect(await handler.read(context, id, inputs, gone)).toBeUndefined();
    },
  );

  it("is not deleted without offboarding and waiver, nor outside of a tenant's prefix", async () => {
    const { context, id, outputs } = await created();
    await expect(handler.delete(context, id, outputs)).rejects.toThrow(/^tenant .*record `state: offboarding`/);
    for (const prefix of ["", "/", "tenants/", outputs.prefix.slice(0, -1)]) {
      await expect(
        handler.delete(context, id, { ...outputs, prefix, state: "offboarding", backupWaiver: waiver }),
      ).rejects.toThrow("nothing is deleted");
    }
    expect(await listOwn(outputs)).toBe("done");
  });

  it("is left alone with a warning by a state of another instance", async () => {
    const { context, warnings, id, outputs } = await created();
    await handler.delete(context, id, {
      ...outputs,
      instanceToken: "0".repeat(32),
      state: "offboarding",
      backupWaiver: waiver,
    });
    expect(warnings).toEqual([expect.stringContaining("is left alone")]);
    expect(await listOwn(outputs)).toBe("done");
  });
});

describe("what is there already", () => {
  it("is taken over by the same resource while it holds no objects, with keys of before deleted", async () => {
    const { inputs, context, outputs } = await created();
    const { outputs: second } = await handler.create(context, inputs);
    expect(await keysOf(inputs.username)).toEqual([second.accessKeyId]);
    expect(await listOwn(outputs)).toBe("InvalidAccessKeyId");
  });

  it("is refused with objects or old versions inside, unless the run names the tenant", async () => {
    const { inputs, context } = await created();
    await put(`${inputs.prefix}a`);
    await expect(handler.create(context, inputs)).rejects.toThrow(`holds data (object ${inputs.prefix}a)`);
    await admin.s3.send(new DeleteObjectCommand({ Bucket, Key: `${inputs.prefix}a` }));
    await expect(handler.create(context, inputs)).rejects.toThrow("holds data");
    const { outputs } = await handler.create({ ...context, adopt: new Set([inputs.tenant]) }, inputs);
    expect(await listOwn(outputs)).toBe("done");
  });

  it("is refused when another resource's mark is on it, or none", async () => {
    const { inputs } = await created();
    const { context } = newContext(inputs.tenant, { urn: "urn:other", adopt: new Set([inputs.tenant]) });
    await expect(handler.create(context, inputs)).rejects.toThrow("aliases");
    const stranger = newTenant();
    await put(`${stranger.prefix}a`);
    await expect(handler.create(newContext(stranger.tenant).context, stranger)).rejects.toThrow("carries no mark");
  });
});

describe("drift", () => {
  it.each<[string, string, (inputs: PrefixInputs, outputs: PrefixOutputs) => Promise<unknown>]>([
    [
      "a lost policy",
      "the policy of IAM user",
      ({ username }) => admin.iam.send(new DeleteUserPolicyCommand({ UserName: username, PolicyName: "tenancy" })),
    ],
    [
      "a wider policy",
      "allows something else",
      ({ username }) =>
        admin.iam.send(
          new PutUserPolicyCommand({
            UserName: username,
            PolicyName: "tenancy",
            PolicyDocument: JSON.stringify({
              Version: "2012-10-17",
              Statement: [{ Effect: "Allow", Action: ["s3:GetObject"], Resource: [`arn:aws:s3:::${Bucket}/*`] }],
            }),
          }),
        ),
    ],
    [
      "a further policy",
      "has further policies: more",
      ({ username }) =>
        admin.iam.send(
          new PutUserPolicyCommand({
            UserName: username,
            PolicyName: "more",
            PolicyDocument: JSON.stringify({
              Version: "2012-10-17",
              Statement: [{ Effect: "Allow", Action: ["s3:GetObject"], Resource: [`arn:aws:s3:::${Bucket}/*`] }],
            }),
          }),
        ),
    ],
    [
      "a lost key",
      "the access key of IAM user",
      ({ username }, { accessKeyId }) =>
        admin.iam.send(new DeleteAccessKeyCommand({ UserName: username, AccessKeyId: accessKeyId })),
    ],
    [
      "a further key",
      "has 1 further access keys",
      ({ username }) => admin.iam.send(new CreateAccessKeyCommand({ UserName: username })),
    ],
    [
      "a lost folder",
      "uploads/ is missing",
      async ({ prefix }) => {
        const { Versions = [] } = await admin.s3.send(
          new ListObjectVersionsCommand({ Bucket, Prefix: `${prefix}uploads/` }),
        );
        const Objects = Versions.map(({ Key, VersionId }) => ({ Key, VersionId }));
        return admin.s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
      },
    ],
    [
      "a lost mark",
      "the mark of storage prefix",
      ({ tenant }) => admin.s3.send(new DeleteObjectCommand({ Bucket, Key: `.tenancy/tenants/${tenant}.json` })),
    ],
  ])("of %s is seen and mended", async (_what, sentence, damage) => {
    const { inputs, context, id, outputs } = await created();
    await damage(inputs, outputs);
    const live = await handler.read(context, id, inputs, outputs);
    expect(live?.inputs.drift).toEqual([expect.stringContaining(sentence)]);
    const mended = await handler.update(context, id, outputs, inputs);
    expect((await handler.read(context, id, inputs, mended))?.inputs).toEqual(inputs);
    expect(await listOwn(mended)).toBe("done");
  });
});

describe("a crash", () => {
  it.each(["PutObjectCommand", "CreateUserCommand", "PutUserPolicyCommand", "CreateAccessKeyCommand"])(
    "after %s is made good by the next create",
    async (command) => {
      const inputs = newTenant();
      const { context } = newContext(inputs.tenant);
      const crashing = prefixHandler({ platform, connect: crashAfter(command) });
      await expect(crashing.create(context, inputs)).rejects.toThrow("crash");
      await crashing.close?.();
      const { id, outputs } = await handler.create(context, inputs);
      expect(await keysOf(inputs.username)).toEqual([outputs.accessKeyId]);
      expect((await handler.read(context, id, inputs, outputs))?.inputs).toEqual(inputs);
    },
  );

  it("between the new key and the old one's end leaves one working key after the next update", async () => {
    const { inputs, context, id, outputs } = await created();
    const crashing = prefixHandler({ platform, connect: crashAfter("CreateAccessKeyCommand") });
    await expect(crashing.update(context, id, outputs, { ...inputs, rotation: 1 })).rejects.toThrow("crash");
    await crashing.close?.();
    expect(await keysOf(inputs.username)).toHaveLength(2);
    const rotated = await handler.update(context, id, outputs, { ...inputs, rotation: 1 });
    expect(await keysOf(inputs.username)).toEqual([rotated.accessKeyId]);
    expect(rotated.accessKeyId).not.toBe(outputs.accessKeyId);
  });

  it.each(["DeleteAccessKeyCommand", "DeleteUserCommand", "DeleteObjectsCommand", "ListMultipartUploadsCommand"])(
    "after %s is made good by the next delete",
    async (command) => {
      const { inputs, context, warnings, id, outputs } = await created();
      await put(`${inputs.prefix}a`);
      const gone = await handler.update(context, id, outputs, {
        ...inputs,
        state: "offboarding",
        backupWaiver: waiver,
      });
      const crashing = prefixHandler({ platform, connect: crashAfter(command) });
      await expect(crashing.delete(context, id, gone)).rejects.toThrow("crash");
      await crashing.close?.();
      await handler.delete(context, id, gone);
      expect(warnings).toEqual([]);
      expect(await handler.read(context, id, inputs, gone)).toBeUndefined();
    },
  );
});

function crashAfter(command: string): typeof connectS3 {
  return (server) => {
    const clients = connectS3(server);
    const crash = async <T>(name: string | undefined, result: Promise<T>): Promise<T> => {
      const value = await result;
      if (name === command) throw new Error("crash");
      return value;
    };
    clients.s3.middlewareStack.add(
      (next, { commandName }) =>
        (args) =>
          crash(commandName, next(args)),
      { step: "initialize" },
    );
    clients.iam.middlewareStack.add(
      (next, { commandName }) =>
        (args) =>
          crash(commandName, next(args)),
      { step: "initialize" },
    );
    return clients;
  };
}

describe("many at once", () => {
  it("all get a key that works", async () => {
    const tenants = Array.from({ length: 40 }, () => newTenant());
    const made = await Promise.all(tenants.map((inputs) => handler.create(newContext(inputs.tenant).context, inputs)));
    expect(await Promise.all(made.map(({ outputs }) => listOwn(outputs)))).toEqual(tenants.map(() => "done"));
    expect(new Set(made.map(({ outputs }) => outputs.accessKeyId)).size).toBe(40);
  });
});

describe("a fault", () => {
  it.each<[string, Partial<S3Server>, string]>([
    ["a wrong secret", { secretAccessKey: "wrong-secret" }, "secret access key is wrong"],
    ["an unknown key", { accessKeyId: "NOSUCHKEY" }, "does not know the platform's access key"],
    ["a missing bucket", { bucket: "no-such-bucket" }, "the bucket does not exist"],
    ["an unknown authority", { ca: undefined }, "Set `ca` of this storage server"],
  ])("of %s names tenant, server and way out, and no secret", async (_what, changes, message) => {
    const server = { ...s3Server(), ...changes };
    const broken = prefixHandler({ platform: { ...platform, storage: { main: server } } });
    const inputs = newTenant();
    const error: unknown = await broken
      .create(newContext(inputs.tenant).context, inputs)
      .catch((thrown: unknown) => thrown);
    await broken.close?.();
    if (!(error instanceof ProviderError)) throw new Error(`no ProviderError: ${String(error)}`);
    expect(error.message).toContain(`tenant ${inputs.tenant}: storage "main": ${server.endpoint}`);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain(server.secretAccessKey);
  });
});

describe("check", () => {
  it("tells every fault at once", async () => {
    const news = newTenant({
      server: "nowhere",
      prefix: "tenants/a",
      username: "a b",
      rotation: -1,
      folders: ["ok", "../up", ""],
    });
    const failures = await handler.check(newContext(news.tenant).context, undefined, news);
    expect(failures.map(({ property }) => property)).toEqual([
      "server",
      "prefix",
      "username",
      "rotation",
      "folders[1]",
      "folders[2]",
    ]);
  });
});
