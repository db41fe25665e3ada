import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectServer } from "../../../provider/neo4j/client.ts";
import type { Neo4jDatabaseInputs } from "../../../provider/inputs.ts";
import { newContext, startTarget, type Target, waiver } from "./support.ts";

let target: Target;
let handler: ReturnType<Target["handler"]>;
beforeAll(async () => {
  target = await startTarget();
  handler = target.handler();
});
afterAll(async () => {
  await handler.close?.();
  await target.close();
});

async function created(changes: Partial<Neo4jDatabaseInputs> = {}) {
  const inputs = target.tenant(changes);
  const { context, warnings } = newContext(inputs.tenant);
  target.changes();
  const { id, outputs } = await handler.create(context, inputs);
  return { inputs, context, warnings, id, outputs };
}

type Created = Awaited<ReturnType<typeof created>>;

/** On a real server databases are few: each test takes its own away. */
async function removed({ inputs, context, id, outputs }: Pick<Created, "inputs" | "context" | "id" | "outputs">) {
  const gone = await handler.update(context, id, outputs, { ...inputs, state: "offboarding", backupWaiver: waiver });
  await handler.delete(context, id, gone);
  return gone;
}

const letsIn = ({ username, database }: Neo4jDatabaseInputs, password: string) =>
  target.admin.accepts({ user: username, password }, database);

const names = (sql: string) =>
  target.admin.run({ what: "look", text: sql }).then((rows) => rows.flatMap((row) => Object.values(row)));

describe("the life of a tenant's database", () => {
  it("begins with database, role, privileges and user, in this order, and without drift", async () => {
    const one = await created();
    const { inputs, context, id, outputs } = one;
    const { database, role, username } = inputs;
    if (target.table !== undefined) {
      expect(target.changes().filter((text) => !text.includes("PUBLIC"))).toEqual([
        "CREATE ROLE `MARK` IF NOT EXISTS",
        `CREATE DATABASE \`${database}\` IF NOT EXISTS WAIT 60 SECONDS`,
        `CREATE ROLE \`${role}\` IF NOT EXISTS`,
        `GRANT ACCESS ON DATABASE \`${database}\` TO \`${role}\``,
        `GRANT MATCH {*} ON GRAPH \`${database}\` TO \`${role}\``,
        `GRANT WRITE ON GRAPH \`${database}\` TO \`${role}\``,
        `GRANT NAME MANAGEMENT ON DATABASE \`${database}\` TO \`${role}\``,
        `GRANT INDEX MANAGEMENT ON DATABASE \`${database}\` TO \`${role}\``,
        `GRANT CONSTRAINT MANAGEMENT ON DATABASE \`${database}\` TO \`${role}\``,
        `CREATE USER \`${username}\` IF NOT EXISTS SET PASSWORD $password CHANGE NOT REQUIRED SET STATUS ACTIVE SET HOME DATABASE \`${database}\``,
        `GRANT ROLE \`${role}\` TO \`${username}\``,
      ]);
    }
    expect(id).toBe(`main/${database}`);
    expect(outputs).toEqual({
      ...inputs,
      uri: target.server.uri,
      loginDatabase: database,
      loginUser: username,
      markUrn: context.urn,
      instanceToken: expect.stringMatching(/^[0-9a-f]{32}$/) as unknown,
    });
    expect(await letsIn(inputs, inputs.password)).toBe(true);
    expect(await handler.read(context, id, inputs, outputs)).toEqual({ inputs, outputs });
    target.changes();
    await handler.update(context, id, outputs, inputs);
    if (target.table !== undefined) {
      expect(target.changes()).toEqual([
        `CREATE ROLE \`${role}\` IF NOT EXISTS`,
        `ALTER USER \`${username}\` SET PASSWORD $password CHANGE NOT REQUIRED`,
        `ALTER USER \`${username}\` SET PASSWORD CHANGE NOT REQUIRED SET STATUS ACTIVE SET HOME DATABASE \`${database}\``,
      ]);
    }
    await removed(one);
  });

  it("suspends with its sessions ended and its data kept, and resumes", async () => {
    const one = await created();
    const { inputs, context, id, outputs } = one;
    target.table?.connections.set("bolt-7", inputs.username).set("bolt-8", "someone");
    target.changes();
    const suspended = await handler.update(context, id, outputs, { ...inputs, state: "suspended" });
    if (target.table !== undefined) {
      const sent = target.changes();
      expect(sent[0]).toBe(`ALTER USER \`${inputs.username}\` IF EXISTS SET STATUS SUSPENDED`);
      expect(sent.at(-1)).toBe(`STOP DATABASE \`${inputs.database}\` WAIT 60 SECONDS`);
      expect([...target.table.connections.keys()]).toEqual(["bolt-8"]);
    }
    expect(await letsIn(inputs, inputs.password)).toBe(false);
    expect(await handler.read(context, id, { ...inputs, state: "suspended" }, suspended)).toEqual({
      inputs: { ...inputs, state: "suspended" },
      outputs: suspended,
    });
    const resumed = await handler.update(context, id, suspended, inputs);
    expect(await letsIn(inputs, inputs.password)).toBe(true);
    expect((await handler.read(context, id, inputs, resumed))?.inputs).toEqual(inputs);
    await removed({ ...one, outputs: resumed });
  });

  it("takes a new password, refuses the old one and ends sessions that had it", async () => {
    const one = await created();
    const { inputs, context, id, outputs } = one;
    target.table?.connections.set("bolt-9", inputs.username);
    const news = { ...inputs, password: "another-password-of-length" };
    const rotated = await handler.update(context, id, outputs, news);
    expect(await letsIn(inputs, inputs.password)).toBe(false);
    expect(await letsIn(inputs, news.password)).toBe(true);
    expect(target.table?.connections.has("bolt-9") ?? false).toBe(false);
    await removed({ ...one, inputs: news, outputs: rotated });
  });

  it("ends with no database, user, role and mark, ends so again, and leaves the neighbour", async () => {
    const neighbour = await created();
    const one = await created();
    const { inputs, context, warnings, id } = one;
    target.changes();
    const gone = await removed(one);
    await handler.delete(context, id, gone);
    const all = [
      ...(await names("SHOW DATABASES YIELD name RETURN collect(DISTINCT name) AS names")).flat(),
      ...(await target.admin.run({
        what: "look",
        text: "SHOW ROLES WITH USERS YIELD role, member WHERE role = $role OR role STARTS WITH $mark RETURN role, member",
        params: { role: inputs.role, mark: `tenancy_mark_${inputs.role}_` },
      })),
    ];
    expect(all).not.toContain(inputs.database);
    expect(all).toContain(neighbour.inputs.database);
    expect(all.filter((entry) => typeof entry === "object")).toEqual([]);
    expect(await letsIn(inputs, inputs.password)).toBe(false);
    expect(warnings).toEqual([]);
    expect(await handler.read(context, id, inputs, gone)).toBeUndefined();
    expect(await letsIn(neighbour.inputs, neighbour.inputs.password)).toBe(true);
    expect(
      (await handler.read(neighbour.context, id, neighbour.inputs, neighbour.outputs))?.inputs.drift,
    ).toBeUndefined();
    await removed(neighbour);
  });

  it("is not deleted without offboarding and waiver", async () => {
    const one = await created();
    const { inputs, context, id, outputs } = one;
    await expect(handler.delete(context, id, outputs)).rejects.toThrow(
      new RegExp(`^tenant ${inputs.tenant}: Neo4j server "main": .*record \`state: offboarding\``),
    );
    const half = await handler.update(context, id, outputs, { ...inputs, state: "offboarding" });
    await expect(handler.delete(context, id, half)).rejects.toThrow("backupWaiver");
    expect(await handler.read(context, id, { ...inputs, state: "offboarding" }, half)).toEqual({
      inputs: { ...inputs, state: "offboarding" },
      outputs: half,
    });
    await removed(one);
  });

  it("is left alone with a warning by a state of another instance", async () => {
    const one = await created();
    const { inputs, context, warnings, id, outputs } = one;
    const stale = { ...outputs, instanceToken: "0".repeat(32), state: "offboarding" as const, backupWaiver: waiver };
    await handler.delete(context, id, stale);
    expect(warnings).toEqual([
      `tenant ${inputs.tenant}: Neo4j database "${inputs.database}" is left alone: its mark is another instance's, of ${context.urn}.`,
    ]);
    expect(await letsIn(inputs, inputs.password)).toBe(true);
    await removed(one);
  });

  it("is not removed while somebody's alias points at it, and the error says how to go on", async () => {
    const one = await created();
    const { inputs, context, id, outputs } = one;
    const alias = `films-${inputs.tenant}`;
    if (target.table === undefined) {
      await target.admin.run({ what: "alias", text: `CREATE ALIAS \`${alias}\` FOR DATABASE \`${inputs.database}\`` });
    } else target.table.databases.get(inputs.database)?.aliases.push(alias);
    const gone = await handler.update(context, id, outputs, { ...inputs, state: "offboarding", backupWaiver: waiver });
    target.changes();
    await expect(handler.delete(context, id, gone)).rejects.toThrow(
      `nothing is removed: the alias "${alias}" points at database "${inputs.database}" and is not of this tool. ` +
        `Run DROP ALIAS \`${alias}\` FOR DATABASE`,
    );
    expect(target.changes()).toEqual([]);
    if (target.table === undefined) {
      await target.admin.run({ what: "alias", text: `DROP ALIAS \`${alias}\` IF EXISTS FOR DATABASE` });
    } else target.table.databases.get(inputs.database)?.aliases.pop();
    await handler.delete(context, id, gone);
    expect(await handler.read(context, id, inputs, gone)).toBeUndefined();
  });
});

describe("a crash", () => {
  /** Stands in for a process that dies right after a kind of statement. */
  const crashAfter =
    (step: string): typeof connectServer =>
    (server, options) => {
      const client = connectServer(server, options);
      return {
        ...client,
        async run(statement, runOptions) {
          const rows = await client.run(statement, runOptions);
          if (statement.what === step) throw new Error("crash");
          return rows;
        },
      };
    };

  it.each(["CREATE ROLE", "CREATE DATABASE", "GRANT", "CREATE USER", "GRANT ROLE"])(
    "after %s is made good by the next create",
    async (step) => {
      const inputs = target.tenant();
      const { context } = newContext(inputs.tenant);
      const crashing = target.handler({ connect: crashAfter(step) });
      await expect(crashing.create(context, inputs)).rejects.toThrow("crash");
      await crashing.close?.();
      const { outputs, id } = await handler.create(context, inputs);
      expect((await handler.read(context, id, inputs, outputs))?.inputs).toEqual(inputs);
      await removed({ inputs, context, id, outputs });
    },
  );

  it.each(["DROP DATABASE", "DROP USER", "DROP ROLE"])("after %s is made good by the next delete", async (step) => {
    const { inputs, context, warnings, id, outputs } = await created();
    const gone = await handler.update(context, id, outputs, { ...inputs, state: "offboarding", backupWaiver: waiver });
    const crashing = target.handler({ connect: crashAfter(step) });
    await expect(crashing.delete(context, id, gone)).rejects.toThrow("crash");
    await crashing.close?.();
    await handler.delete(context, id, gone);
    expect(warnings).toEqual([]);
    expect(await handler.read(context, id, inputs, gone)).toBeUndefined();
  });
});
