import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Neo4jInstances } from "../../../provider/config.ts";
import { ProviderError } from "../../../provider/handler.ts";
import type { Neo4jDatabaseInputs } from "../../../provider/inputs.ts";
import { neo4jDatabaseHandler } from "../../../provider/neo4j/database.ts";
import { type BoltServer, startBoltServer, unauthorized } from "../../support/bolt-server.ts";
import { type FakeManager, startFakeManager } from "../../support/fake-instances.ts";
import { type Certificates, certificates, newContext, waiver } from "./support.ts";

const token = "planted-token";
let tls: Certificates;
let bolt: BoltServer;
let manager: FakeManager;
let nodes = 0;

beforeAll(async () => {
  tls = await certificates();
  bolt = await startBoltServer({
    ...tls,
    // One server stands in for every instance: whoever has a running one's password gets in.
    login: (user, password) =>
      user === "neo4j" &&
      [...manager.instances.values()].some((live) => live.password === password && live.state === "running")
        ? undefined
        : unauthorized,
    answer: ({ text }) => ({ rows: text.startsWith("RETURN") || nodes > 0 ? [{ found: 1 }] : [] }),
  });
  manager = await startFakeManager({ ...tls, token, uri: `bolt+s://127.0.0.1:${bolt.port}` });
});
afterAll(async () => {
  await manager.close();
  await bolt.close();
});

const newHandler = (changes: Partial<Neo4jInstances> = {}, retryForMs = 400) =>
  neo4jDatabaseHandler({
    platform: {
      postgres: {},
      redis: {},
      storage: {},
      neo4j: { graphs: { kind: "instances", endpoint: manager.endpoint, token, ca: tls.ca, ...changes } },
    },
    connection: { retryForMs },
  });

function tenantInputs(): Neo4jDatabaseInputs {
  const tenant = `t${randomBytes(5).toString("hex")}`;
  return {
    server: "graphs",
    tenant,
    state: "active",
    database: `test-${tenant}`,
    role: `test_${tenant}`,
    username: `test_${tenant}_app`,
    password: randomBytes(18).toString("base64url"),
  };
}

async function created(handler = newHandler()) {
  const inputs = tenantInputs();
  const { context, warnings } = newContext(inputs.tenant);
  const { id, outputs } = await handler.create(context, inputs);
  return { handler, inputs, context, warnings, id, outputs };
}

describe("the life of a tenant's instance", () => {
  it("begins with the mark and the login neo4j, and without drift", async () => {
    const { handler, inputs, context, id, outputs } = await created();
    const live = manager.instances.get(inputs.database);
    expect(live).toMatchObject({ state: "running", password: inputs.password });
    expect(JSON.parse(live?.mark ?? "")).toEqual({
      urn: context.urn,
      tenant: inputs.tenant,
      token: outputs.instanceToken,
    });
    expect(id).toBe(`graphs/${inputs.database}`);
    expect(outputs).toMatchObject({
      uri: `bolt+s://127.0.0.1:${bolt.port}`,
      loginDatabase: "neo4j",
      loginUser: "neo4j",
      markUrn: context.urn,
    });
    expect(await handler.read(context, id, inputs, outputs)).toEqual({ inputs, outputs });
    expect(handler.preview?.(inputs)).toEqual({ ...inputs, loginDatabase: "neo4j", loginUser: "neo4j" });
  });

  it("stops, starts again, takes a new password and ends with nothing left, twice", async () => {
    const { handler, inputs, context, warnings, id, outputs } = await created();
    const closed = { ...inputs, state: "suspended" } as const;
    const suspended = await handler.update(context, id, outputs, closed);
    expect(manager.instances.get(inputs.database)?.state).toBe("stopped");
    expect((await handler.read(context, id, closed, suspended))?.inputs).toEqual(closed);
    const news = { ...inputs, password: "another-password-of-length" };
    const resumed = await handler.update(context, id, suspended, news);
    expect(manager.instances.get(inputs.database)).toMatchObject({ state: "running", password: news.password });
    await expect(handler.delete(context, id, resumed)).rejects.toThrow(/^tenant .*record `state: offboarding`/);
    const gone = await handler.update(context, id, resumed, { ...news, state: "offboarding", backupWaiver: waiver });
    await handler.delete(context, id, gone);
    await handler.delete(context, id, gone);
    expect(manager.instances.has(inputs.database)).toBe(false);
    expect(await handler.read(context, id, news, gone)).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  it("is left alone with a warning by a state of another instance", async () => {
    const { handler, inputs, context, warnings, id, outputs } = await created();
    await handler.delete(context, id, {
      ...outputs,
      instanceToken: "0".repeat(32),
      state: "offboarding",
      backupWaiver: waiver,
    });
    expect(warnings).toEqual([expect.stringContaining(`Neo4j instance "${inputs.database}" is left alone`)]);
    expect(manager.instances.has(inputs.database)).toBe(true);
  });
});

describe("an instance that is there already", () => {
  it("is taken over with a new token while it is empty, and with nodes only when named", async () => {
    const { handler, inputs, context, outputs } = await created();
    const second = await handler.create(context, inputs);
    expect(second.outputs.instanceToken).not.toBe(outputs.instanceToken);
    nodes = 1;
    await expect(handler.create(context, inputs)).rejects.toThrow("holds data (nodes)");
    await handler.create({ ...context, adopt: new Set([inputs.tenant]) }, inputs);
    nodes = 0;
  });

  it("is refused when nobody can look inside: stopped, or with another password", async () => {
    const { handler, inputs, context } = await created();
    const news = { ...inputs, password: "another-password-of-length" };
    await expect(handler.create(context, news)).rejects.toThrow(
      "(its password is another one, so that nobody can look inside)",
    );
    Object.assign(manager.instances.get(inputs.database) ?? {}, { state: "stopped" });
    await expect(handler.create(context, inputs)).rejects.toThrow("(it is stopped, so that nobody can look inside)");
  });

  it("is refused without a mark or with another resource's", async () => {
    const { handler, inputs, context } = await created();
    await expect(handler.create({ ...context, urn: "urn:other" }, inputs)).rejects.toThrow("aliases");
    Object.assign(manager.instances.get(inputs.database) ?? {}, { mark: "somebody's" });
    await expect(handler.create(context, inputs)).rejects.toThrow("carries no mark of this tool");
  });
});

describe("drift", () => {
  it.each([
    [{ state: "stopped" as const }, "instance DB is stopped and not running"],
    [{ state: "failed" as const, reason: "no memory" }, "instance DB is failed and not running (no memory)"],
    [{ password: "changed-from-outside" }, "instance DB does not let its user in with the state's password"],
    [{ mark: "" }, "the mark of Neo4j database DB is missing"],
  ])("of %o is seen and mended", async (damage, sentence) => {
    const { handler, inputs, context, id, outputs } = await created();
    Object.assign(manager.instances.get(inputs.database) ?? {}, damage);
    const live = await handler.read(context, id, inputs, outputs);
    expect(live?.inputs.drift).toEqual([sentence.replace("DB", inputs.database)]);
    await handler.update(context, id, outputs, inputs);
    expect((await handler.read(context, id, inputs, outputs))?.inputs).toEqual(inputs);
  });
});

describe("a manager's fault", () => {
  async function faultOf(changes: Partial<Neo4jInstances> = {}): Promise<string> {
    const inputs = tenantInputs();
    const error: unknown = await newHandler(changes)
      .create(newContext(inputs.tenant).context, inputs)
      .catch((thrown: unknown) => thrown);
    if (!(error instanceof ProviderError)) throw new Error(`no ProviderError: ${String(error)}`);
    expect(error.message).toMatch(
      new RegExp(`^tenant ${inputs.tenant}: Neo4j server "graphs": Neo4j instance manager https:`),
    );
    for (const secret of [token, inputs.password]) expect(error.message).not.toContain(secret);
    return error.message;
  }

  it("names what to install where no instance can be made, in a warning of the preview and an error of the update", async () => {
    manager.unavailable = "no Java 21: install a JDK";
    const inputs = tenantInputs();
    const { context, warnings } = newContext(inputs.tenant);
    expect(await newHandler().check(context, undefined, inputs)).toEqual([]);
    expect(warnings).toEqual([
      `tenant ${inputs.tenant}: Neo4j server "graphs": no instance can be made: no Java 21: install a JDK`,
    ]);
    expect(await faultOf()).toContain("failed: 503 no Java 21: install a JDK");
    manager.unavailable = undefined;
  });

  it("of the token, of the authority and of the address is told with its way out", async () => {
    expect(await faultOf({ token: "wrong-token" })).toContain("the manager refused the configured token");
    expect(await faultOf({ ca: undefined })).toContain("Set `ca` of this Neo4j server to the authority's PEM text");
    expect(await faultOf({ endpoint: "https://127.0.0.1:1" })).toContain(
      "failed: ECONNREFUSED. Start it or correct `endpoint`",
    );
  });

  it("is a warning of the preview when it is down, and a refusal when its token is wrong", async () => {
    const inputs = tenantInputs();
    const { context, warnings } = newContext(inputs.tenant);
    expect(await newHandler({ endpoint: "https://127.0.0.1:1" }).check(context, undefined, inputs)).toEqual([]);
    expect(warnings).toHaveLength(1);
    const failed = await newHandler({ token: "wrong-token" }).check(context, undefined, inputs);
    expect(failed.map(({ reason }) => reason)).toEqual([expect.stringContaining("refused the configured token")]);
  });

  it("that passes by itself is waited for: another change under way, a proxy without its server", async () => {
    manager.next.push({ status: 409, body: '{"error":"busy"}' }, { status: 502, body: "" });
    await created(newHandler({}, 20_000));
    expect(manager.next).toEqual([]);
    const busy = Array.from({ length: 20 }, () => ({ status: 409, body: '{"error":"another change is under way"}' }));
    manager.next.push(...busy);
    expect(await faultOf()).toContain("failed: 409 another change is under way. Run the update again.");
    manager.next.splice(0);
  });

  it("is told where what answers is no manager", async () => {
    manager.next.push({ status: 200, body: "<html>" });
    expect(await faultOf()).toContain("gave an answer that is none of an instance manager");
    manager.next.push({ status: 200, body: '{"name":"x","state":"running","uri":"bolt://plain:1","mark":""}' });
    expect(await faultOf()).toContain("gave an answer that is none of an instance manager");
  });
});
