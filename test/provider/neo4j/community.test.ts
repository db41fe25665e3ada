/**
 * The handler and its statements on a real Neo4j Community: an instance of the tests' services, made by the handler.
 * Skipped, and reported so, where the services give out none.
 */
import { randomBytes } from "node:crypto";
import neo4j, { type Config, type SessionConfig } from "neo4j-driver";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Neo4jInstances, Platform } from "../../../provider/config.ts";
import { ProviderError } from "../../../provider/handler.ts";
import type { Neo4jDatabaseInputs, Neo4jDatabaseOutputs } from "../../../provider/inputs.ts";
import { connectServer } from "../../../provider/neo4j/client.ts";
import * as cypher from "../../../provider/neo4j/cypher.ts";
import { neo4jDatabaseHandler } from "../../../provider/neo4j/database.ts";
import { isOtherEdition, isSamePassword } from "../../../provider/neo4j/errors.ts";
import { defaultProcedures, tenantChanges, publicChanges } from "../../../provider/neo4j/privileges.ts";
import { services } from "../../support/services.ts";
import { newContext, waiver } from "./support.ts";

const config = Object.values((services().platform as Partial<Platform>).neo4j ?? {}).find(
  (server): server is Neo4jInstances => server.kind === "instances",
);

describe.skipIf(config === undefined)("Neo4j Community", () => {
  const server = config ?? { kind: "instances" as const, endpoint: "", token: "" };
  const platform = (changes: Partial<Platform["neo4j"]>): Platform => ({
    postgres: {},
    redis: {},
    storage: {},
    neo4j: { graphs: server, ...changes },
  });
  const handler = neo4jDatabaseHandler({ platform: platform({}) });
  const tenant = `t${randomBytes(5).toString("hex")}`;
  const inputs: Neo4jDatabaseInputs = {
    server: "graphs",
    tenant,
    state: "active",
    database: `handler-${tenant}`,
    role: `handler_${tenant}`,
    username: `handler_${tenant}_app`,
    password: randomBytes(18).toString("base64url"),
  };
  const { context, warnings } = newContext(tenant);
  let outputs: Neo4jDatabaseOutputs;
  const client = (password = inputs.password) =>
    connectServer({ uri: outputs.uri, user: "neo4j", password, ca: server.ca }, { retryForMs: 0 });

  beforeAll(async () => {
    ({ outputs } = await handler.create(context, inputs));
  });
  afterAll(async () => {
    const gone = await handler.update(context, "", outputs, { ...inputs, state: "offboarding", backupWaiver: waiver });
    await handler.delete(context, "", gone);
    expect(await handler.read(context, "", inputs, gone)).toBeUndefined();
    await handler.close?.();
  });

  it("lets a tenant's instance begin without drift, and its login in", async () => {
    expect(outputs).toMatchObject({ loginDatabase: "neo4j", loginUser: "neo4j" });
    expect(await handler.read(context, "", inputs, outputs)).toEqual({ inputs, outputs });
    const own = client();
    expect(
      await own.run({ what: "write", text: "CREATE (n:T {x: 1}) RETURN n.x AS x" }, { database: "neo4j" }),
    ).toEqual([{ x: 1 }]);
    expect(await own.accepts({ user: "neo4j", password: "wrong-secret" }, "neo4j")).toBe(false);
    await own.close();
    await expect(handler.create(context, inputs)).rejects.toThrow("holds data (nodes)");
    expect(warnings).toEqual([]);
  });

  it("is told as what it is when it is taken for Enterprise, at preview and at update", async () => {
    const wrong = neo4jDatabaseHandler({
      platform: platform({
        main: {
          kind: "server",
          uri: outputs.uri,
          user: "neo4j",
          password: inputs.password,
          procedures: [],
          ca: server.ca,
        },
      }),
    });
    const news = { ...inputs, server: "main" };
    const words = /is the Community edition \d+\.\d+\.\d+, which has one database and no roles\. Use Neo4j Enterprise/;
    const [failure] = await wrong.check(context, undefined, news);
    expect(failure?.reason).toMatch(words);
    await expect(wrong.create(context, news)).rejects.toThrow(words);
    await wrong.close?.();
  });

  it("parses every statement of the handler and refuses what is Enterprise's with the status of another edition", async () => {
    const { database, role, username, password } = inputs;
    const changes = [...tenantChanges(database, role, []).missing, ...publicChanges([]).missing];
    const statements: cypher.Statement[] = [
      ...changes.map((text) => ({ what: "GRANT", text })),
      ...["LOAD ON ALL DATA", "EXECUTE PROCEDURE * ON DBMS"].map((text) => ({
        what: "REVOKE",
        text: `REVOKE GRANT ${text} FROM \`PUBLIC\``,
      })),
      cypher.createDatabase(database),
      cypher.startDatabase(database),
      cypher.stopDatabase(database),
      cypher.dropDatabase(database),
      cypher.createRole(role),
      cypher.renameRole(role, `${role}_2`),
      cypher.dropRole(role),
      cypher.grantRole(role, username),
      cypher.revokeRole(role, username),
      cypher.showRoles(role, "tenancy_mark_"),
      cypher.showPrivileges(role),
      cypher.createUser(username, password, database, "ACTIVE"),
      cypher.setUser(username, database, "SUSPENDED"),
      { what: "DROP ALIAS", text: `DROP ALIAS ${cypher.quote("x")} FOR DATABASE` },
    ];
    const own = client();
    const answers = await Promise.all(
      statements.map((statement) =>
        own.run(statement).then(
          () => "done",
          (error: unknown) => error,
        ),
      ),
    );
    for (const [at, answer] of answers.entries()) {
      if (!(answer instanceof ProviderError)) throw new Error(`${statements[at]?.text ?? ""}: ${String(answer)}`);
      expect([statements[at]?.text, isOtherEdition(answer.cause)]).toEqual([statements[at]?.text, true]);
    }
    // Nothing is changed of a user that is not there.
    expect(await own.run(cypher.suspendUser(username))).toEqual([]);
    // What both editions have.
    expect(await own.run(cypher.components)).toEqual([
      { version: expect.stringMatching(/^\d/) as unknown, edition: "community" },
    ]);
    expect(await own.run(cypher.databaseLimit)).toEqual([]);
    expect(await own.run(cypher.databaseNames)).toEqual([{ names: ["neo4j", "system"] }]);
    expect(await own.run(cypher.showDatabase("neo4j"))).toEqual([
      { aliases: [], requestedStatus: "online", currentStatus: "online", statusMessage: "" },
    ]);
    expect(await own.run(cypher.showUser("neo4j"))).toEqual([
      { roles: null, passwordChangeRequired: false, suspended: null, home: null },
    ]);
    expect((await own.run(cypher.connectionsOf("neo4j"))).length).toBeGreaterThan(0);
    const own2 = await own.run(cypher.setPassword("neo4j", password)).catch((error: unknown) => error);
    expect(own2 instanceof ProviderError && isSamePassword(own2.cause)).toBe(true);
    const known = await own.run(
      { what: "look", text: "SHOW PROCEDURES YIELD name RETURN collect(name) AS names" },
      { database: "neo4j" },
    );
    const names = (known[0]?.names ?? []) as string[];
    expect(defaultProcedures.filter((name) => !names.includes(name))).toEqual([]);
    await own.close();
  });

  it("reads each quoted name back as it was, so that no name gets out of its quotes", async () => {
    const own = client();
    for (const name of ["a`b", "a``b", "a\\b", "a\\u0060b", "a``\\u0060`b", "x` RETURN 1 //", "ekn-42"]) {
      const rows = await own.run({ what: "look", text: `RETURN 1 AS ${cypher.quote(name)}` }, { database: "neo4j" });
      expect(rows).toEqual([{ [name]: 1 }]);
    }
    await own.close();
  });

  it("takes no connection without TLS and none whose authority is unknown", async () => {
    const plain: Partial<Config> = { encrypted: "ENCRYPTION_OFF", connectionTimeout: 5_000 };
    const driver = neo4j.driver(outputs.uri.replace("+s", ""), neo4j.auth.basic("neo4j", inputs.password), plain);
    const where: Pick<SessionConfig, "database"> = { database: "neo4j" };
    await expect(driver.session(where).run("RETURN 1")).rejects.toThrow("Connection was closed by server");
    await driver.close();
    const stranger = connectServer({ uri: outputs.uri, user: "neo4j", password: inputs.password }, { retryForMs: 0 });
    await expect(stranger.run(cypher.components)).rejects.toThrow("Set `ca` of this Neo4j server");
    await stranger.close();
  });

  it("takes a new password and refuses the old one", async () => {
    const news = { ...inputs, password: "another-password-of-length" };
    const rotated = await handler.update(context, "", outputs, news);
    const old = client();
    await expect(old.run(cypher.components)).rejects.toThrow("the server refused the configured login");
    await old.close();
    expect((await handler.read(context, "", news, rotated))?.inputs).toEqual(news);
    outputs = await handler.update(context, "", rotated, inputs);
  });
});
