import { createServer, type AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { aims } from "../../verify/attempt.ts";
import { neo4jProbe } from "../../verify/neo4j/probe.ts";
import { greetPlainly } from "../../verify/neo4j/plain.ts";
import { assaultOn, attemptOf, type GraphParty, type GraphWorld, idsOf, startGraphWorld } from "./neo4j-support.ts";

let world: GraphWorld;
let acme: GraphParty;
let canary: GraphParty;

beforeAll(async () => {
  world = await startGraphWorld();
  acme = world.tenant("acme");
  canary = world.tenant("canary", { canary: true });
});
afterEach(() => {
  for (const each of [world.open, world.instead, world.shows, world.logins, world.broken]) each.clear();
  world.bolt.calls.splice(0);
});
afterAll(() => world.close());

const { attempts } = neo4jProbe();
const onServer = attempts.filter(({ id }) => attemptOf(id.slice("neo4j/".length)).kinds.includes("server"));
/** Without the store, in the catalogue's order. */
const owns = onServer.map(({ id }) => id.slice("neo4j/".length)).filter((id) => attemptOf(id).door === "own");

describe("the catalogue of attempts on Neo4j", () => {
  it("has many attempts, each with an id, a reason and a source of its own", () => {
    expect(attempts.length).toBeGreaterThanOrEqual(60);
    expect(new Set(attempts.map(({ id }) => id)).size).toBe(attempts.length);
    for (const attempt of attempts) {
      expect(attempt.id).toMatch(/^neo4j\/[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(attempt.store).toBe("neo4j");
      expect(attempt.source).toMatch(/^https:\/\/neo4j\.com\/docs\//);
      expect(attempt.why).toMatch(/\.$/);
      expect(attempt.tries).not.toMatch(/\.$/);
    }
    expect(new Set(attempts.map(({ aim }) => aim))).toEqual(new Set(aims));
  });

  it("shows its statements with the two tenants' names", () => {
    const how = new Map(attempts.map((attempt) => [attempt.id, attempt.how]));
    expect(how.get("neo4j/use-database")).toBe("on attacker: USE `victim` MATCH (n) RETURN count(n) AS found");
    expect(how.get("neo4j/show-users")).toBe('on system: SHOW USERS YIELD user WHERE user = "victim_app" RETURN user');
    expect(how.get("neo4j/impersonate")).toBe("on victim, as victim_app: RETURN 1 AS found");
  });

  it("tries wrong passwords on canaries only, since three of them lock a login", () => {
    for (const id of ["victim-with-own-password", "victim-with-default-password"]) {
      expect(attemptOf(id).harm).toBe("victim");
    }
  });
});

describe("on an intact Enterprise server", () => {
  it("a tenant is denied every attempt on the canary, and each control works", async () => {
    const results = await assaultOn(acme, canary);
    expect(results).toHaveLength(onServer.length);
    expect(results.filter(({ verdict }) => verdict !== "denied as expected")).toEqual([]);
    expect(results.filter(({ control }) => control?.kind !== "proven")).toEqual([]);
    for (const { attempt, form } of results) expect(form, attempt.id).toBe(attempt.harm === "server" ? "dry" : "real");
    expect(JSON.stringify(results)).not.toMatch(/password-of-|planted-admin/);
  });

  it("the canary makes on a tenant only what changes nothing, and tries no password of it", async () => {
    const before = world.bolt.logins.length;
    const results = await assaultOn(canary, acme);
    for (const { attempt, verdict } of results) {
      expect(verdict, attempt.id).toBe(attempt.harm === "none" ? "denied as expected" : "not made");
    }
    expect(idsOf(results, "denied as expected").length).toBeGreaterThanOrEqual(20);
    // Sessions of canary, victim and administrator; and nobody.
    expect(world.bolt.logins.slice(before).filter((user) => user === "")).toHaveLength(1);
  });

  it("what everyone would feel is never asked outside of a transaction, by no control either", async () => {
    await assaultOn(acme, { ...canary, neo4j: { ...canary.neo4j, embedded: false } });
    expect(world.bolt.calls.filter(({ text }) => text.startsWith("DROP DATABASE"))).toHaveLength(2);
    const felt = world.bolt.calls.filter(({ text }) => /^(DROP|ALTER|GRANT|CREATE USER|STOP)/.test(text));
    expect(felt.length).toBeGreaterThan(20);
    expect(felt.filter(({ inTransaction }) => !inTransaction)).toEqual([]);
    expect(world.bolt.calls.filter(({ text }) => text === "COMMIT")).toEqual([]);
  });

  it("shows of others that a name exists, as documented, and nothing else", async () => {
    expect(await neo4jProbe().visible(acme, canary)).toEqual(["session on another database"]);
    expect(neo4jProbe().residue.map(({ place }) => place)).toEqual(["session on another database"]);
  });
});

describe("a damaged defence is found:", () => {
  it("every attempt of an own session leaks where its statement is answered", async () => {
    for (const id of owns) world.open.add(id);
    const results = await assaultOn(acme, canary);
    expect(idsOf(results, "LEAK")).toEqual(owns);
    expect(new Set(idsOf(results, "denied as expected"))).toEqual(
      new Set(["victim-with-own-password", "anonymous", "plain-text"]),
    );
    // On an embedded server, too, only the dry form is made where that works.
    for (const { attempt, form } of results) expect(form, attempt.id).toBe(attempt.harm === "server" ? "dry" : "real");
  });

  it("each attempt finds the defence that it is about, alone, and its mending", async () => {
    const session = await neo4jProbe().open(acme);
    for (const id of owns) {
      const attempt = attemptOf(id);
      const form = attempt.harm === "server" ? "dry" : "real";
      world.open.add(id);
      expect((await session.attempt(attempt, canary, form)).kind, id).toBe("allowed");
      world.open.delete(id);
      expect((await session.attempt(attempt, canary, form)).kind, id).toBe("denied");
    }
    await session.close();
  });

  it("a file that LOAD CSV could not find, since the server looked for it", async () => {
    const message = "Couldn't load the external resource at: file:/import/tenancy-verify-nothing.csv";
    const code = "Neo.ClientError.Statement.ExternalResourceFailed";
    world.instead.set("LOAD CSV FROM 'file:", { failure: { code, message, status: "22N43" } });
    expect(idsOf(await assaultOn(acme, canary), "LEAK")).toEqual(["load-csv-file"]);
    const forbids = "configuration property 'dbms.security.allow_csv_import_from_file_urls' is false";
    world.instead.set("LOAD CSV FROM 'file:", {
      failure: { code, message: `Cannot load: ${forbids}`, status: "22N43" },
    });
    expect(idsOf(await assaultOn(acme, canary), "LEAK")).toEqual([]);
  });

  it("a victim whose password is the attacker's, and a server that asks nobody", async () => {
    world.logins.add(`${canary.neo4j.username}:${acme.neo4j.password}`);
    expect(idsOf(await assaultOn(acme, canary), "LEAK")).toEqual(["victim-with-own-password"]);
    world.logins.clear();
    world.logins.add(":");
    world.open.add("anonymous");
    world.tenants.set("", { ...canary, id: "nobody" });
    expect(idsOf(await assaultOn(acme, canary), "LEAK")).toEqual(["anonymous"]);
    world.tenants.delete("");
  });

  it("a listing that names another tenant, but not one whose name begins with its own", async () => {
    world.shows.set("SHOW USERS", "tenant_canary_app");
    world.shows.set("SHOW ROLES", "tenant_canary2 tenant-canary-2");
    expect(await neo4jProbe().visible(acme, canary)).toEqual(["SHOW USERS", "session on another database"]);
  });

  it("nothing counts as denied where its control is refused, too", async () => {
    world.broken.add("SHOW ROLES YIELD role WHERE");
    const results = await assaultOn(acme, canary);
    expect(idsOf(results, "could not run")).toEqual(["show-roles"]);
    expect(idsOf(results, "LEAK")).toEqual([]);
  });

  it("a login that does not get in could not run, by an error without its password", async () => {
    const stranger = { ...acme, neo4j: { ...acme.neo4j, password: "wrong-password-of-length" } };
    const results = await assaultOn(stranger, canary);
    expect(new Set(results.map(({ verdict }) => verdict))).toEqual(new Set(["could not run"]));
    expect(results[0]?.detail).toMatch(
      /^Neo4j at bolt\+s:\/\/127\.0\.0\.1:\d+, login tenant_acme_app: .*Unauthorized$/,
    );
  });

  it("a server that agrees on Bolt without TLS, and one that ends the connection is none", async () => {
    const outcomes = [];
    for (const answer of [Buffer.from([0, 0, 8, 5]), undefined]) {
      const server = createServer((socket) => {
        socket.on("error", () => undefined);
        socket.once("data", () => (answer === undefined ? socket.destroy() : socket.write(answer)));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      outcomes.push(await greetPlainly(`neo4j+s://127.0.0.1:${(server.address() as AddressInfo).port}`));
      server.close();
    }
    expect(outcomes).toEqual([
      { kind: "allowed", evidence: "Bolt was agreed on" },
      { kind: "denied", code: "connection closed" },
    ]);
  });
});
