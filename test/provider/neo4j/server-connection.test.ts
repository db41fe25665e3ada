import { createServer as createPlain, type AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Neo4jServer } from "../../../provider/config.ts";
import { ProviderError } from "../../../provider/handler.ts";
import { type BoltServer, startBoltServer } from "../../support/bolt-server.ts";
import { admin } from "./enterprise-state.ts";
import type { EnterpriseTable } from "./enterprise-table.ts";
import * as failures from "./failures.ts";
import { certificates, handlerFor, newContext, startTable, type Target } from "./support.ts";

let target: Target & { readonly table: EnterpriseTable; readonly bolt: BoltServer };
beforeAll(async () => {
  target = await startTable();
});
afterAll(() => target.close());

const withServer = (changes: Partial<Neo4jServer>) => handlerFor(target, changes);
const nothing = { login: () => undefined, answer: () => ({ rows: [] }) };
/** The words of what `create` throws; never with a password. */
async function faultOf(changes: Partial<Neo4jServer> = {}): Promise<string> {
  const handler = withServer(changes);
  const inputs = target.tenant();
  target.changes();
  const error: unknown = await handler
    .create(newContext(inputs.tenant).context, inputs)
    .catch((thrown: unknown) => thrown);
  await handler.close?.();
  if (!(error instanceof ProviderError)) throw new Error(`no ProviderError: ${String(error)}`);
  expect(error.message).toMatch(new RegExp(`^tenant ${inputs.tenant}: Neo4j server "main": `));
  for (const secret of [inputs.password, admin.password, "wrong-secret"]) expect(error.message).not.toContain(secret);
  return error.message.replaceAll(inputs.tenant, "T");
}

describe("a login or certificate that does not pass", () => {
  it("is told without the password", async () => {
    expect(await faultOf({ password: "wrong-secret" })).toContain(
      "the server refused the configured login. Correct user and password of this Neo4j server",
    );
  });

  it("is a refusal of the preview, too", async () => {
    const handler = withServer({ password: "wrong-secret" });
    const inputs = target.tenant();
    const [failure] = await handler.check(newContext(inputs.tenant).context, undefined, inputs);
    expect(failure?.reason).toContain("the server refused the configured login");
    await handler.close?.();
  });

  it("names `ca` for an unknown authority, also through a routing address", async () => {
    for (const uri of [target.server.uri, target.server.uri.replace("bolt+s", "neo4j+s")]) {
      expect(await faultOf({ uri, ca: undefined })).toContain(
        "Set `ca` of this Neo4j server to the authority's PEM text",
      );
    }
  });

  it("names the host that the certificate is not for, its expiry, and a port without TLS", async () => {
    const valid = await certificates();
    const other = await startBoltServer({ ...valid, ...nothing, host: "127.0.0.2" });
    expect(await faultOf({ uri: `bolt+s://127.0.0.2:${other.port}`, ca: valid.ca })).toContain(
      "certificate is not for this host",
    );
    await other.close();

    const old = await certificates(0);
    const expired = await startBoltServer({ ...old, ...nothing });
    expect(await faultOf({ uri: `bolt+s://127.0.0.1:${expired.port}`, ca: old.ca })).toContain(
      "certificate has expired",
    );
    await expired.close();

    const plain = createPlain((socket) => {
      socket
        .on("error", () => undefined)
        .end("not TLS at all\n", () => {
          socket.destroySoon();
        });
    });
    await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
    const plainPort = (plain.address() as AddressInfo).port;
    expect(await faultOf({ uri: `bolt+s://127.0.0.1:${plainPort}` })).toContain("no TLS on this port");
    await new Promise((resolve) => plain.close(resolve));
  });

  it("that a server holds back for a while says so", async () => {
    const { certificate, key, ca } = await certificates();
    const locked = await startBoltServer({
      certificate,
      key,
      login: () => failures.rateLimit,
      answer: () => ({ rows: [] }),
    });
    expect(await faultOf({ uri: `bolt+s://127.0.0.1:${locked.port}`, ca })).toContain("after too many wrong passwords");
    await locked.close();
  });
});

describe("a lost connection", () => {
  it("is made anew, and the call that lost it is finished", async () => {
    const handler = target.handler();
    const inputs = target.tenant();
    const { context } = newContext(inputs.tenant);
    const { id, outputs } = await handler.create(context, inputs);
    target.bolt.cut();
    expect((await handler.read(context, id, inputs, outputs))?.inputs).toEqual(inputs);
    await handler.close?.();
  });

  it("of a server that is down is a warning at preview and an error with the way out at update", async () => {
    const closed = createPlain();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const uri = `bolt+s://127.0.0.1:${port}`;
    const handler = withServer({ uri });
    const inputs = target.tenant();
    const { context, warnings } = newContext(inputs.tenant);
    expect(await handler.check(context, undefined, inputs)).toEqual([]);
    expect(warnings).toEqual([
      `tenant ${inputs.tenant}: Neo4j server "main": edition and number of databases could not be looked at: ` +
        `Neo4j at ${uri}: CALL dbms.components failed: ECONNREFUSED. Start the server or correct its address, then run the update again.`,
    ]);
    expect(await faultOf({ uri })).toContain("CALL dbms.components failed: ECONNREFUSED");
    await handler.close?.();
  });

  it("works through a routing address as well", async () => {
    const handler = withServer({ uri: target.server.uri.replace("bolt+s", "neo4j+s") });
    const inputs = target.tenant();
    const { context } = newContext(inputs.tenant);
    const { id, outputs } = await handler.create(context, inputs);
    expect(outputs.uri).toMatch(/^neo4j\+s:/);
    expect((await handler.read(context, id, inputs, outputs))?.inputs).toEqual(inputs);
    await handler.close?.();
  });
});
