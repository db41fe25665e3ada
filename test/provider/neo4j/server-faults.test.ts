import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Neo4jServer } from "../../../provider/config.ts";
import { ProviderError } from "../../../provider/handler.ts";
import type { BoltServer, Failure } from "../../support/bolt-server.ts";
import type { EnterpriseTable } from "./enterprise-table.ts";
import type { Names } from "./enterprise-state.ts";
import * as failures from "./failures.ts";
import { handlerFor, newContext, startTable, type Target } from "./support.ts";

let target: Target & { readonly table: EnterpriseTable; readonly bolt: BoltServer };
beforeAll(async () => {
  target = await startTable();
});
afterAll(() => target.close());

const withServer = (changes: Partial<Neo4jServer>) => handlerFor(target, changes);

/** Failure of the first statement of a kind, in a create. */
async function failing(text: (names: Names) => string, failure: Failure) {
  const inputs = target.tenant();
  target.table.instead.set(text(inputs), { failure });
  const handler = withServer({});
  const error: unknown = await handler
    .create(newContext(inputs.tenant).context, inputs)
    .catch((thrown: unknown) => thrown);
  target.table.instead.clear();
  await handler.close?.();
  if (!(error instanceof ProviderError)) throw new Error(`no ProviderError: ${String(error)}`);
  expect(error.message).not.toContain(inputs.password);
  return error.message.replaceAll(inputs.tenant, "T");
}

const components =
  "CALL dbms.components() YIELD name, versions, edition WHERE name = 'Neo4j Kernel' RETURN versions[0] AS version, edition";

describe("Community", () => {
  const edition =
    "is the Community edition 2026.08.1, which has one database and no roles. " +
    'Use Neo4j Enterprise, or give each tenant an instance of its own: kind "instances" or "kubernetes".';

  it("is refused at preview and at update before anything is made", async () => {
    target.table.edition = "community";
    const handler = withServer({});
    const inputs = target.tenant();
    const { context } = newContext(inputs.tenant);
    target.changes();
    const reason = `tenant ${inputs.tenant}: Neo4j server "main": Neo4j at ${target.server.uri} ${edition}`;
    expect(await handler.check(context, undefined, inputs)).toEqual([{ property: "server", reason }]);
    await expect(handler.create(context, inputs)).rejects.toThrow(reason);
    expect(target.changes()).toEqual([]);
    target.table.edition = "enterprise";
    expect(await handler.check(context, undefined, inputs)).toEqual([]);
    await handler.close?.();
  });

  it.each([
    ["CREATE DATABASE", ({ database }: Names) => `CREATE DATABASE \`${database}\` IF NOT EXISTS WAIT 60 SECONDS`],
    ["CREATE ROLE", ({ role }: Names) => `CREATE ROLE \`${role}\` IF NOT EXISTS`],
    ["GRANT ACCESS", ({ database, role }: Names) => `GRANT ACCESS ON DATABASE \`${database}\` TO \`${role}\``],
    ["GRANT ROLE", ({ role, username }: Names) => `GRANT ROLE \`${role}\` TO \`${username}\``],
  ])("answers %s with a code that the error explains", async (command, text) => {
    expect(await failing(text, failures.unsupported(command, "text"))).toContain(
      `failed: Neo4j at ${target.server.uri} is the Community edition, which has one database`,
    );
  });

  it.each(["SET STATUS", "HOME DATABASE"] as const)("has no %s of users, and the error says so", async (clause) => {
    const message = await failing(
      ({ username, database }) =>
        `CREATE USER \`${username}\` IF NOT EXISTS SET PASSWORD $password CHANGE NOT REQUIRED SET STATUS ACTIVE SET HOME DATABASE \`${database}\``,
      failures.unsupportedClause(clause, "u"),
    );
    expect(message).toContain("CREATE USER failed: Neo4j at");
    expect(message).toContain("is the Community edition");
  });
});

describe("the limit of databases", () => {
  it("is reached at preview by the new ones of a run together, and nothing is made", async () => {
    const fresh = await startTable();
    fresh.table.limit = "4";
    const handler = fresh.handler();
    const [one, two, three] = [fresh.tenant(), fresh.tenant(), fresh.tenant()];
    const check = (inputs: typeof one) => handler.check(newContext(inputs.tenant).context, undefined, inputs);
    expect(await check(one)).toEqual([]);
    expect(await check(two)).toEqual([]);
    expect(await check(two)).toEqual([]);
    expect(await check(three)).toEqual([
      {
        property: "server",
        reason:
          `tenant ${three.tenant}: Neo4j server "main": Neo4j at ${fresh.server.uri} has 2 databases, and dbms.max_databases is 4, ` +
          `which counts system and stopped ones: no room for the 3 new ones of this run. ` +
          `Raise dbms.max_databases on the server, drop a database, or place the tenant on another server.`,
      },
    ]);
    expect(fresh.changes()).toEqual([]);
    await handler.close?.();
    const again = fresh.handler();
    await again.create(newContext(one.tenant).context, one);
    fresh.table.limit = "3";
    expect(await again.check(newContext(one.tenant).context, undefined, one)).toEqual([]);
    fresh.changes();
    await expect(again.create(newContext(two.tenant).context, two)).rejects.toThrow(`no room for "${two.database}"`);
    expect(fresh.changes()).toEqual([]);
    await again.close?.();
    await fresh.close();
  });

  it("that another run reached meanwhile is explained", async () => {
    const message = await failing(
      ({ database }) => `CREATE DATABASE \`${database}\` IF NOT EXISTS WAIT 60 SECONDS`,
      failures.limitReached("x"),
    );
    expect(message).toBe(
      `tenant T: Neo4j server "main": Neo4j at ${target.server.uri}: CREATE DATABASE failed: the server has as many databases as ` +
        `dbms.max_databases allows, stopped ones included. Raise it, drop a database, or place the tenant on another server.`,
    );
  });

  it("that a server does not tell is left to the server", async () => {
    target.table.limit = "";
    const inputs = target.tenant();
    const handler = withServer({});
    expect(await handler.check(newContext(inputs.tenant).context, undefined, inputs)).toEqual([]);
    target.table.limit = "100";
    await handler.close?.();
  });
});

describe("a server's refusal", () => {
  it.each([
    [failures.forbidden, "the server does not permit it. The login needs DATABASE MANAGEMENT"],
    [failures.credentialsExpired, "the configured login has to change its password first"],
    [failures.notLeader, "not the leader of the system database. Use neo4j+s://"],
    [failures.aliasExists("d", "a"), "an alias has this name, or points at the database"],
    [failures.databaseNotFound("d"), "the database is not there."],
    [failures.shortPassword, "the server refused the password by its policy"],
    [failures.busy, "Start the server or correct its address"],
  ])("is explained: $code", async (failure, words) => {
    expect(await failing(({ role }) => `CREATE ROLE \`${role}\` IF NOT EXISTS`, failure)).toContain(
      `CREATE ROLE failed: `,
    );
    expect(await failing(({ role }) => `CREATE ROLE \`${role}\` IF NOT EXISTS`, failure)).toContain(words);
  });

  it("of an unknown kind is told with its code and in its words", async () => {
    const failure = { code: "Neo.DatabaseError.General.UnknownError", message: "out of disk", status: "50N42" };
    expect(await failing(({ role }) => `CREATE ROLE \`${role}\` IF NOT EXISTS`, failure)).toContain(
      "CREATE ROLE failed: Neo.DatabaseError.General.UnknownError: out of disk",
    );
  });

  it("of a database that does not start is told with its status and the server's message", async () => {
    const inputs = target.tenant();
    const start = `START DATABASE \`${inputs.database}\` WAIT 60 SECONDS`;
    target.table.instead.set(start, { rows: [] });
    target.table.databases.set(inputs.database, broken());
    const handler = withServer({});
    const { context } = newContext(inputs.tenant, { adopt: new Set([inputs.tenant]) });
    await expect(handler.create(context, inputs)).rejects.toThrow(
      `Neo4j at ${target.server.uri}: database "${inputs.database}" is dirty and not online (store is broken). Look at the server's debug.log`,
    );
    target.table.databases.set(inputs.database, { ...broken(), current: "starting", message: "" });
    const seen: string[] = [];
    const status = (message: string): void => {
      seen.push(message);
      Object.assign(target.table.databases.get(inputs.database) ?? {}, { current: "online" });
    };
    await handler.create({ ...context, status }, inputs);
    expect(seen).toEqual([`waiting until database ${inputs.database} is online`]);
    target.table.instead.clear();
    await handler.close?.();
  });
});

const broken = () => ({ requested: "online", current: "dirty", message: "store is broken", aliases: [], nodes: 0 });

it("asks for the edition only once", async () => {
  const handler = target.handler();
  const inputs = target.tenant();
  target.bolt.calls.splice(0);
  await handler.check(newContext(inputs.tenant).context, undefined, inputs);
  await handler.create(newContext(inputs.tenant).context, inputs);
  expect(target.bolt.calls.filter(({ text }) => text === components)).toHaveLength(1);
  await handler.close?.();
});
