import { afterEach, describe, expect, it } from "vitest";
import { type S3Server, s3ServerSchema } from "../../../provider/config.ts";
import { connectS3 } from "../../../provider/storage/client.ts";
import { prefixHandler } from "../../../provider/storage/prefix.ts";
import { type FakeOptions, type FakeS3, fakeS3 } from "./fake-s3.ts";
import { newContext, newTenant, waiver } from "./support.ts";

const closing: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const acmeKey = { accessKeyId: "GOOGACME", secretAccessKey: "planted-hmac-secret" };
const inputs = newTenant({ tenant: "acme", prefix: "tenants/acme/", username: "tenant.acme" });

const leaving = { ...inputs, state: "offboarding" as const, backupWaiver: waiver };

async function service(fakeOptions: Partial<FakeOptions> = {}, changes: Partial<S3Server> = {}) {
  const fake = await fakeS3({
    ...fakeOptions,
    keys: { PLATFORM: [""], GOOGACME: ["tenants/acme/"], ...fakeOptions.keys },
  });
  const server: S3Server = {
    kind: "s3",
    endpoint: fake.endpoint,
    region: "auto",
    bucket: fake.bucket,
    accessKeyId: "PLATFORM",
    secretAccessKey: "planted-platform-secret",
    credentials: "external",
    keys: { acme: acmeKey },
    ...changes,
  };
  const handler = prefixHandler({ platform: { postgres: {}, redis: {}, neo4j: {}, storage: { main: server } } });
  closing.push(() => fake.close());
  closing.push(() => handler.close?.());
  return { fake, handler, server, ...newContext("acme") };
}

const posts = (fake: FakeS3) => fake.requests.filter(({ line }) => line.startsWith("POST"));

describe("a compatible service without an IAM API", () => {
  it("gives a tenant its folders and the key that was made for it, and asks for no IAM user", async () => {
    const { fake, handler, context } = await service();
    const { id, outputs } = await handler.create(context, inputs);
    expect(outputs).toMatchObject({ ...acmeKey, prefix: "tenants/acme/" });
    expect(fake.keys()).toEqual([
      ".tenancy/tenants/acme.json",
      "tenants/acme/exports/",
      "tenants/acme/processed/",
      "tenants/acme/uploads/",
    ]);
    expect(posts(fake)).toEqual([]);
    expect(await handler.read(context, id, inputs, outputs)).toEqual({ inputs, outputs });
  });

  it("sends no checksum that such a service refuses, and the bucket in the path", async () => {
    const { fake, handler, context } = await service();
    await handler.create(context, inputs);
    const puts = fake.requests.filter(({ line }) => line.startsWith("PUT"));
    expect(puts).toHaveLength(4);
    for (const { line, headers } of puts) {
      expect(line).toMatch(/^PUT \/shared\//);
      expect(Object.keys(headers).filter((name) => /checksum|server-side-encryption/.test(name))).toEqual([]);
      expect(headers["content-encoding"]).toBeUndefined();
    }
  });

  it.each([
    { code: "NotImplemented", status: 501 },
    { code: "InvalidRequest", status: 400 },
    { code: "MethodNotAllowed", status: 405 },
  ])("empties a prefix key by key where several at once give $code, and asks for that once", async (batch) => {
    const { fake, handler, context, statuses } = await service({ batch }, { credentials: "none" });
    const { id, outputs } = await handler.create(context, inputs);
    for (let index = 0; index < 60; index++) fake.put(`tenants/acme/uploads/${index}`, "x");
    for (const body of ["one", "two"]) fake.put("tenants/acme/uploads/7", body);
    fake.put("tenants/acme2/kept", "theirs");
    const gone = await handler.update(context, id, outputs, leaving);
    await handler.delete(context, id, gone);
    expect(fake.keys()).toEqual(["tenants/acme2/kept"]);
    expect(fake.versionCount()).toBe(1);
    expect(posts(fake)).toHaveLength(1);
    expect(statuses.at(-1)).toBe("deleted 65 object versions under tenants/acme/");
  });

  it("uses the request for several keys where the service has it", async () => {
    const { fake, handler, context } = await service({ batch: "works" }, { credentials: "none" });
    const { id, outputs } = await handler.create(context, inputs);
    for (const body of ["one", "two"]) fake.put("tenants/acme/uploads/7", body);
    await handler.delete(context, id, await handler.update(context, id, outputs, leaving));
    expect(fake.versionCount()).toBe(0);
    expect(fake.requests.filter(({ line }) => line.startsWith("DELETE"))).toEqual([]);
  });

  it("empties a prefix on a service that lists neither versions nor uploads", async () => {
    const { fake, handler, context } = await service(
      { versions: "none", withoutUploads: true },
      { credentials: "none" },
    );
    const { id, outputs } = await handler.create(context, inputs);
    for (let index = 0; index < 1_050; index++) fake.put(`tenants/acme/uploads/${index}`, "x");
    await handler.delete(context, id, await handler.update(context, id, outputs, leaving));
    expect(fake.versionCount()).toBe(0);
  });

  it("says so where old versions have no id to delete them by, instead of leaving them", async () => {
    const { fake, handler, context } = await service({ versions: "unnumbered" }, { credentials: "none" });
    const { id, outputs } = await handler.create(context, inputs);
    for (const body of ["one", "two"]) fake.put("tenants/acme/uploads/7", body);
    const gone = await handler.update(context, id, outputs, leaving);
    await expect(handler.delete(context, id, gone)).rejects.toThrow(
      /lists an old version of tenants\/acme\/uploads\/7 without an id.*lifecycle rule/,
    );
    expect(fake.keys()).toContain(".tenancy/tenants/acme.json");
  });
});

describe("a key that was made at the service", () => {
  it("is refused at preview where the configuration has none of the tenant", async () => {
    const { handler, context } = await service({}, { keys: { globex: acmeKey } });
    expect(await handler.check(context, undefined, inputs)).toEqual([
      {
        property: "server",
        reason:
          'tenant acme: storage server "main" has `credentials: external` and no access key of this tenant. ' +
          "Make one at the service, limited to tenants/acme/, and set it in the server's `keys`.",
      },
    ]);
  });

  it.each([
    ["the whole bucket", ["tenants/acme/", ""]],
    ["everything under tenants/", ["tenants/"]],
    ["all that begins with tenants/acme", ["tenants/acme"]],
  ])("is not handed on when it may list %s", async (reach, begins) => {
    const { fake, handler, context } = await service();
    fake.limit("GOOGACME", begins);
    await expect(handler.create(context, inputs)).rejects.toThrow(
      `tenant acme: storage "main": the access key GOOGACME of this tenant may list ${reach}. Limit it at the service to tenants/acme/`,
    );
  });

  it("is not handed on when it does not reach its own prefix, and no message has its secret", async () => {
    const { fake, handler, context } = await service();
    fake.limit("GOOGACME", ["tenants/globex/"]);
    const fault = await handler.create(context, inputs).catch((error: unknown) => String(error));
    expect(fault).toContain("may not list tenants/acme/ (AccessDenied)");
    expect(fault).not.toContain(acmeKey.secretAccessKey);
  });

  it("must be disabled before its tenant is closed, and is out of the outputs then", async () => {
    const { fake, handler, context } = await service();
    const { id, outputs } = await handler.create(context, inputs);
    await expect(handler.update(context, id, outputs, { ...inputs, state: "suspended" })).rejects.toThrow(
      /GOOGACME of this tenant still works.*Disable it at the service/,
    );
    fake.limit("GOOGACME");
    const closed = await handler.update(context, id, outputs, { ...inputs, state: "suspended" });
    expect(closed).toMatchObject({ accessKeyId: "", secretAccessKey: "" });
    fake.limit("GOOGACME", ["tenants/acme/"]);
    expect(await handler.update(context, id, closed, inputs)).toMatchObject(acmeKey);
  });

  it("keeps a prefix from being emptied while it works", async () => {
    const { fake, handler, context } = await service();
    const { id, outputs } = await handler.create(context, inputs);
    fake.put("tenants/acme/uploads/a", "x");
    await expect(handler.delete(context, id, { ...outputs, ...leaving })).rejects.toThrow("still works");
    expect(fake.keys()).toContain("tenants/acme/uploads/a");
  });

  it("shows as drift where it reaches further, is closed, or another one is configured", async () => {
    const { fake, handler, context, server } = await service();
    const { id, outputs } = await handler.create(context, inputs);
    const drift = async (known = outputs, asked = inputs) =>
      (await handler.read(context, id, asked, known))?.inputs.drift;
    fake.limit("GOOGACME", ["tenants/"]);
    expect(await drift()).toEqual(["the access key of tenant acme may list everything under tenants/"]);
    fake.limit("GOOGACME", ["tenants/acme/"]);
    const old = { ...outputs, accessKeyId: "GOOGOLD" };
    expect(await drift(old)).toEqual(["the configured access key of tenant acme is another than the state's"]);
    expect(await drift(outputs, { ...inputs, state: "suspended" })).toEqual([
      "the access key of tenant acme still works",
    ]);
    fake.limit("GOOGACME");
    expect(await drift()).toEqual(["the access key of tenant acme may not list tenants/acme/"]);
    expect(server.keys).toEqual({ acme: acmeKey });
  });
});

describe("a bucket of Amazon S3 that roles give access to", () => {
  it("gets folders and mark encrypted by KMS, no IAM user and no key, and is emptied", async () => {
    const fake = await fakeS3({ keys: { PLATFORM: [""] } });
    closing.push(() => fake.close());
    const { server } = await service();
    const handler = prefixHandler({
      platform: {
        postgres: {},
        redis: {},
        neo4j: {},
        storage: { main: { kind: "aws", region: "eu-central-1", bucket: fake.bucket } },
      },
      connect: () => connectS3({ ...server, endpoint: fake.endpoint, credentials: "none" }),
    });
    closing.push(() => handler.close?.());
    const { context } = newContext("acme");
    const { id, outputs } = await handler.create(context, inputs);
    expect(outputs).toMatchObject({ accessKeyId: "", secretAccessKey: "" });
    const puts = fake.requests.filter(({ line }) => line.startsWith("PUT"));
    expect(puts.map(({ headers }) => headers["x-amz-server-side-encryption"])).toEqual(Array(4).fill("aws:kms"));
    expect(posts(fake)).toEqual([]);
    expect(await handler.read(context, id, inputs, outputs)).toEqual({ inputs, outputs });
    fake.put("tenants/acme/uploads/a", "x");
    await expect(handler.delete(context, id, outputs)).rejects.toThrow("record `state: offboarding`");
    await handler.delete(context, id, await handler.update(context, id, outputs, leaving));
    expect(fake.versionCount()).toBe(0);
  });

  it("is reached at Amazon's own endpoint with the login of the environment, and with all checksums", async () => {
    const clients = connectS3({ kind: "aws", region: "eu-central-1", bucket: "shared" });
    const { s3 } = clients;
    expect(s3.config.forcePathStyle).toBe(false);
    expect(await s3.config.requestChecksumCalculation()).toBe("WHEN_SUPPORTED");
    expect(s3.config.isCustomEndpoint).toBe(false);
    clients.close();
  });
});

describe("the settings of an S3 server", () => {
  const written = {
    kind: "s3",
    endpoint: "https://storage.googleapis.com",
    region: "auto",
    bucket: "shared",
    accessKeyId: "GOOG1",
    secretAccessKey: "s",
  };

  it("take the bucket into the host on demand, as some services want it", () => {
    const style = (pathStyle?: boolean) => {
      const clients = connectS3(
        s3ServerSchema.parse({ ...written, ...(pathStyle === undefined ? {} : { pathStyle }) }),
      );
      clients.close();
      return clients.s3.config.forcePathStyle;
    };
    expect([style(), style(true), style(false)]).toEqual([true, true, false]);
  });

  it("refuse a kind of credentials that is none", () => {
    expect(s3ServerSchema.safeParse({ ...written, credentials: "hmac" }).success).toBe(false);
  });
});
