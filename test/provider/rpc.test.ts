import * as grpc from "@grpc/grpc-js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import structProto from "google-protobuf/google/protobuf/struct_pb.js";
import type { JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Handler, ProviderError, unknownValue } from "../../provider/handler.ts";
import { type AnyHandler, ProviderServer } from "../../provider/rpc.ts";

const urn = "urn:pulumi:test::tenancy::tenancy:index:TenantSchema$tenancy:test:Thing::acme-thing";
const secretKey = "4dabf18193072939515e22adb298388d";

let calls: { method: string; args: unknown[] }[];
let shutdown: () => Promise<void>;
let client: providerGrpc.ResourceProviderClient;

function handler(): AnyHandler {
  const thing: Handler<Record<string, unknown>, Record<string, unknown>> = {
    type: "tenancy:test:Thing",
    replaceOn: ["name"],
    secrets: ["password", "generated"],
    check: (_context, olds, news) => {
      calls.push({ method: "check", args: [olds, news] });
      return Promise.resolve(
        news.limit === -1 ? [{ property: "limit", reason: "limit is -1; allowed is 1 or more" }] : [],
      );
    },
    create: (_context, inputs) => {
      calls.push({ method: "create", args: [inputs] });
      if (inputs.fail === "user") throw new ProviderError("tenant acme: the server is full");
      if (inputs.fail === "bug") throw new TypeError("x is undefined");
      return Promise.resolve({ id: "thing-1", outputs: { ...inputs, generated: "made", absent: undefined } });
    },
    read: (_context, _id, inputs, outputs) =>
      Promise.resolve(inputs.gone === true ? undefined : { inputs: { ...inputs, drift: ["an extra grant"] }, outputs }),
    update: (_context, _id, outputs, news) => Promise.resolve({ ...outputs, ...news }),
    delete: (_context, id, outputs) => {
      calls.push({ method: "delete", args: [id, outputs] });
      return Promise.resolve();
    },
  };
  return thing;
}

beforeEach(async () => {
  calls = [];
  const service = new ProviderServer(
    {
      version: "1.2.3",
      adopt: new Set(),
      checkConfig: () => [],
      configure: () => new Map([["tenancy:test:Thing", handler()]]),
    },
    () => {
      throw new Error("no engine in this test");
    },
    undefined,
  );
  const { server, port } = await service.listen();
  client = new providerGrpc.ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  shutdown = async () => {
    client.close();
    server.forceShutdown();
    await service.drain(100);
  };
  await call<proto.ConfigureResponse>("configure", new proto.ConfigureRequest().setArgs(struct({})));
});
afterEach(() => shutdown());

function struct(value: Record<string, unknown>): structProto.Struct {
  return structProto.Struct.fromJavaScript(value as Record<string, JavaScriptValue>);
}

type Method = (request: unknown, callback: (error: grpc.ServiceError | null, response: unknown) => void) => void;

function call<R>(name: string, request: unknown): Promise<R> {
  return new Promise((resolve, reject) => {
    const method = (client as unknown as Record<string, Method>)[name];
    method?.call(client, request, (error, response) => {
      if (error === null) resolve(response as R);
      else reject(error);
    });
  });
}

function check(olds: Record<string, unknown>, news: Record<string, unknown>): Promise<proto.CheckResponse> {
  return call("check", new proto.CheckRequest().setUrn(urn).setOlds(struct(olds)).setNews(struct(news)));
}

function diff(
  oldInputs: Record<string, unknown>,
  news: Record<string, unknown>,
  outputs: Record<string, unknown> = {},
): Promise<proto.DiffResponse> {
  const request = new proto.DiffRequest()
    .setUrn(urn)
    .setId("thing-1")
    .setOlds(struct({ ...oldInputs, ...outputs }));
  return call("diff", request.setOldInputs(struct(oldInputs)).setNews(struct(news)));
}

function detailed(response: proto.DiffResponse): Record<string, number> {
  const kinds: Record<string, number> = {};
  response.getDetaileddiffMap().forEach((change, name) => (kinds[name] = change.getKind()));
  return kinds;
}

const { DiffChanges } = proto.DiffResponse;
const { Kind } = proto.PropertyDiff;

describe("the plugin protocol", () => {
  it("hands a handler undefined as old inputs for a new resource, and the old ones otherwise", async () => {
    await check({}, { name: "a" });
    await check({ name: "a" }, { name: "a" });
    expect(calls.map(({ args }) => args)).toEqual([
      [undefined, { name: "a" }],
      [{ name: "a" }, { name: "a" }],
    ]);
  });

  it("reports a handler's failures with their property", async () => {
    const failures = (await check({}, { limit: -1 })).getFailuresList();
    // The engine prints the value of a property that a failure names.
    expect(failures.map((failure) => [failure.getProperty(), failure.getReason()])).toEqual([
      ["", "limit is -1; allowed is 1 or more"],
    ]);
  });

  it("refuses at check what would replace a live tenant's data, and allows it for an offboarding one", async () => {
    const live = { name: "a", tenant: "acme", state: "active" };
    const refused = (await check(live, { ...live, name: "b" })).getFailuresList();
    expect(refused).toHaveLength(1);
    expect(refused[0]?.getReason()).toContain('tenant acme: name cannot change from "a" to "b"');
    const leaving = { ...live, state: "offboarding" };
    expect((await check(leaving, { ...leaving, name: "b" })).getFailuresList()).toEqual([]);
    // The new state does not count: it could be written in the very change that destroys.
    expect((await check(live, { ...leaving, name: "b" })).getFailuresList()).toHaveLength(1);
  });

  it("tells no change as none, and each change by its property and kind", async () => {
    expect((await diff({ name: "a", limit: 1 }, { name: "a", limit: 1 })).getChanges()).toBe(DiffChanges.DIFF_NONE);
    const response = await diff({ name: "a", limit: 1, old: true }, { name: "b", limit: 2, fresh: 1 });
    expect(response.getChanges()).toBe(DiffChanges.DIFF_SOME);
    expect(response.getReplacesList()).toEqual(["name"]);
    expect(detailed(response)).toEqual({
      name: Kind.UPDATE_REPLACE,
      limit: Kind.UPDATE,
      old: Kind.DELETE,
      fresh: Kind.ADD,
    });
  });

  it("takes an unknown value of a preview for a change, however deep it lies", async () => {
    expect(detailed(await diff({ a: { b: ["x"] } }, { a: { b: [unknownValue] } }))).toEqual({ a: Kind.UPDATE });
  });

  it("updates what a refresh found to have drifted", async () => {
    expect(detailed(await diff({ name: "a", drift: ["an extra grant"] }, { name: "a" }))).toEqual({
      drift: Kind.DELETE,
    });
  });

  it("updates the mark of a resource that an alias gave another URN", async () => {
    expect(detailed(await diff({ name: "a" }, { name: "a" }, { markUrn: "urn:of:before" }))).toEqual({
      markUrn: Kind.UPDATE,
    });
    expect(detailed(await diff({ name: "a" }, { name: "a" }, { markUrn: urn }))).toEqual({});
  });

  it("marks secret outputs and leaves undefined ones out", async () => {
    const request = new proto.CreateRequest().setUrn(urn).setProperties(struct({ name: "a", password: "pw" }));
    const response = await call<proto.CreateResponse>("create", request);
    expect(response.getId()).toBe("thing-1");
    expect(response.getProperties()?.toJavaScript()).toEqual({
      name: "a",
      password: { [secretKey]: "1b47061264138c4ac30d75fd1eb44270", value: "pw" },
      generated: { [secretKey]: "1b47061264138c4ac30d75fd1eb44270", value: "made" },
    });
  });

  it("makes nothing in a preview", async () => {
    const request = new proto.CreateRequest()
      .setUrn(urn)
      .setPreview(true)
      .setProperties(struct({ name: "a" }));
    const response = await call<proto.CreateResponse>("create", request);
    expect(response.getProperties()?.toJavaScript()).toEqual({ name: "a" });
    expect(calls).toEqual([]);
  });

  it("tells a mistake by its message alone, and a defect of its own as such", async () => {
    const create = (fail: string): Promise<unknown> =>
      call("create", new proto.CreateRequest().setUrn(urn).setProperties(struct({ fail })));
    await expect(create("user")).rejects.toMatchObject({ details: "tenant acme: the server is full" });
    await expect(create("bug")).rejects.toMatchObject({
      details: "unexpected fault of the tenancy provider (please report it): TypeError: x is undefined",
    });
  });

  it("gives an empty id for an object that is gone", async () => {
    const read = (inputs: Record<string, unknown>): Promise<proto.ReadResponse> => {
      const request = new proto.ReadRequest().setUrn(urn).setId("thing-1").setInputs(struct(inputs));
      return call("read", request.setProperties(struct(inputs)));
    };
    expect((await read({ gone: true })).getId()).toBe("");
    const live = await read({ name: "a", drift: ["of the last refresh"] });
    expect(live.getId()).toBe("thing-1");
    expect(live.getInputs()?.toJavaScript()).toEqual({ name: "a", drift: ["an extra grant"] });
  });

  it("names the types that there are when one is not", async () => {
    const other = urn.replace("Thing", "Other");
    await expect(call("create", new proto.CreateRequest().setUrn(other).setProperties(struct({})))).rejects.toThrow(
      "resource type tenancy:test:Other is not known; this provider has tenancy:test:Thing",
    );
  });
});
