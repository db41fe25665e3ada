import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Finding } from "../../../provider/finding.ts";
import type { Neo4jDatabaseInputs } from "../../../provider/inputs.ts";
import type { BoltServer } from "../../support/bolt-server.ts";
import { allowedProcedures } from "./enterprise-state.ts";
import type { EnterpriseTable } from "./enterprise-table.ts";
import { newContext, startTable, type Target } from "./support.ts";

let target: Target & { readonly table: EnterpriseTable; readonly bolt: BoltServer };
let handler: ReturnType<Target["handler"]>;
beforeAll(async () => {
  target = await startTable();
  handler = target.handler();
});
afterAll(async () => {
  await handler.close?.();
  await target.close();
});

async function created(changes: Partial<Neo4jDatabaseInputs> = {}) {
  const inputs = target.tenant(changes);
  const { context } = newContext(inputs.tenant);
  const { id, outputs } = await handler.create(context, inputs);
  return { inputs, context, id, outputs };
}

type Damage = (table: EnterpriseTable, inputs: Neo4jDatabaseInputs) => void;
const user = (table: EnterpriseTable, { username }: Neo4jDatabaseInputs) => {
  const live = table.users.get(username);
  if (live === undefined) throw new Error(`no user ${username}`);
  return live;
};
const database = (table: EnterpriseTable, inputs: Neo4jDatabaseInputs) => {
  const live = table.databases.get(inputs.database);
  if (live === undefined) throw new Error(`no database ${inputs.database}`);
  return live;
};

const damages: readonly (readonly [string, Damage, string])[] = [
  [
    "a stopped database",
    (t, i) => Object.assign(database(t, i), { requested: "offline", current: "offline" }),
    "database DB is offline and not online",
  ],
  [
    "a database that failed",
    (t, i) => (database(t, i).current = "dirty"),
    "database DB is online, dirty and not online",
  ],
  ["a missing database", (t, i) => t.databases.delete(i.database), "database DB is missing"],
  ["a missing role", (t, i) => t.roles.delete(i.role), "role ROLE is missing"],
  [
    "a privilege taken away",
    (t, i) => t.held(i.role).delete(`WRITE ON GRAPH \`${i.database}\``),
    "role ROLE has no WRITE ON GRAPH `DB`",
  ],
  [
    "half of a privilege taken away",
    (t, i) => t.held(i.role).delete(`MATCH {*} ON GRAPH \`${i.database}\` NODE *`),
    "role ROLE has no MATCH {*} ON GRAPH `DB`",
  ],
  [
    "a privilege on every graph",
    (t, i) => t.held(i.role).add("MATCH {*} ON GRAPH * NODE *"),
    "role ROLE also has MATCH {*} ON GRAPH * NODE *",
  ],
  [
    "access to every database",
    (t, i) => t.held(i.role).add("ACCESS ON DATABASE *"),
    "role ROLE also has ACCESS ON DATABASE *",
  ],
  [
    "another member of the role",
    (t, i) =>
      t.users.set("intruder", { password: "x", roles: new Set([i.role]), change: false, suspended: false, home: null }),
    "user intruder has role ROLE",
  ],
  ["a missing user", (t, i) => t.users.delete(i.username), "user USER is missing"],
  ["a suspended user", (t, i) => (user(t, i).suspended = true), "user USER is suspended and not active"],
  ["another home database", (t, i) => (user(t, i).home = "neo4j"), "user USER has the home database neo4j"],
  ["no home database", (t, i) => (user(t, i).home = null), "user USER has the home database none"],
  ["a password that has to change", (t, i) => (user(t, i).change = true), "user USER has to change its password"],
  [
    "another password",
    (t, i) => (user(t, i).password = "changed-from-outside"),
    "user USER is not let in with the state's password",
  ],
  ["a role taken away", (t, i) => user(t, i).roles.delete(i.role), "user USER has no role ROLE"],
  ["a further role", (t, i) => user(t, i).roles.add("reader"), "user USER also has the role reader"],
  [
    "a missing mark",
    (t, i) => {
      [...t.roles.keys()]
        .filter((name) => name.startsWith(`tenancy_mark_${i.role}_`))
        .forEach((name) => t.roles.delete(name));
    },
    "the mark of Neo4j database DB is missing",
  ],
];

describe("drift", () => {
  it.each(damages)("of %s is seen and mended", async (_name, damage, sentence) => {
    const { inputs, context, id, outputs } = await created();
    target.table.roles.set("reader", target.table.roles.get("reader") ?? new Set());
    damage(target.table, inputs);
    const found: Finding[] = [];
    const live = await handler.read({ ...context, found: (finding) => found.push(finding) }, id, inputs, outputs);
    const text = sentence
      .replaceAll("DB", inputs.database)
      .replaceAll("ROLE", inputs.role)
      .replaceAll("USER", inputs.username);
    expect(live?.inputs.drift).toContain(text);
    expect(found.find(({ sentence: told }) => told === text)).toMatchObject({ mend: "repair", statements: [] });
    expect(JSON.stringify(found)).not.toContain(inputs.password);
    await handler.update(context, id, outputs, inputs);
    expect((await handler.read(context, id, inputs, outputs))?.inputs).toEqual(inputs);
    target.table.users.delete("intruder");
  });

  it("of a suspended tenant that was opened again is seen and mended", async () => {
    const { inputs, context, id, outputs } = await created();
    const closed = { ...inputs, state: "suspended" } as const;
    const suspended = await handler.update(context, id, outputs, closed);
    user(target.table, inputs).suspended = false;
    Object.assign(database(target.table, inputs), { requested: "online", current: "online" });
    expect((await handler.read(context, id, closed, suspended))?.inputs.drift).toEqual([
      `database ${inputs.database} is online and not offline`,
      `user ${inputs.username} is active and not suspended`,
    ]);
    await handler.update(context, id, suspended, closed);
    expect((await handler.read(context, id, closed, suspended))?.inputs).toEqual(closed);
  });

  it("of another instance's mark is for a person", async () => {
    const { inputs, context, id, outputs } = await created();
    const found: Finding[] = [];
    const stale = { ...outputs, instanceToken: "0".repeat(32) };
    await handler.read({ ...context, found: (finding) => found.push(finding) }, id, inputs, stale);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ mend: "by hand", is: context.urn, should: context.urn });
  });
});

describe("the role PUBLIC", () => {
  it("loses LOAD and all procedures but the allowed ones, once a server", async () => {
    const fresh = await startTable();
    const once = fresh.handler();
    for (let index = 0; index < 2; index++) {
      const inputs = fresh.tenant();
      await once.create(newContext(inputs.tenant).context, inputs);
    }
    expect(fresh.changes().filter((text) => text.includes("`PUBLIC`"))).toEqual([
      `GRANT EXECUTE PROCEDURE ${allowedProcedures.join(", ")} ON DBMS TO \`PUBLIC\``,
      "REVOKE GRANT LOAD ON ALL DATA FROM `PUBLIC`",
      "REVOKE GRANT EXECUTE PROCEDURE * ON DBMS FROM `PUBLIC`",
    ]);
    expect([...fresh.table.held("PUBLIC")].toSorted()).toEqual([
      "ACCESS ON HOME DATABASE",
      "EXECUTE FUNCTION * ON DBMS",
      ...allowedProcedures.map((name) => `EXECUTE PROCEDURE ${name} ON DBMS`),
    ]);
    await once.close?.();
    await fresh.close();
  });

  it("may be given further procedures by the platform", async () => {
    const more = target.handler({
      platform: { ...target.platform, neo4j: { main: { ...target.server, procedures: ["apoc.coll.*", "db.labels"] } } },
    });
    const inputs = target.tenant();
    target.changes();
    await more.create(newContext(inputs.tenant).context, inputs);
    expect(target.changes().filter((text) => text.includes("`PUBLIC`"))).toEqual([
      "GRANT EXECUTE PROCEDURE apoc.coll.* ON DBMS TO `PUBLIC`",
    ]);
    await more.close?.();
    target.table.held("PUBLIC").delete("EXECUTE PROCEDURE apoc.coll.* ON DBMS");
  });

  it("is told once when its defaults are back, and mended", async () => {
    const [one, two] = [await created(), await created()];
    target.table.held("PUBLIC").add("LOAD ON ALL DATA").delete("EXECUTE PROCEDURE db.ping ON DBMS");
    const fresh = target.handler();
    expect((await fresh.read(one.context, one.id, one.inputs, one.outputs))?.inputs.drift).toEqual([
      "every user has LOAD ON ALL DATA through the role PUBLIC",
      "the role PUBLIC has no EXECUTE PROCEDURE db.ping ON DBMS",
    ]);
    expect((await fresh.read(two.context, two.id, two.inputs, two.outputs))?.inputs).toEqual(two.inputs);
    target.table.instead.set("GRANT EXECUTE PROCEDURE db.ping ON DBMS TO `PUBLIC`", { rows: [] });
    target.changes();
    await fresh.update(one.context, one.id, one.outputs, one.inputs);
    expect(target.changes().slice(0, 2)).toEqual([
      "GRANT EXECUTE PROCEDURE db.ping ON DBMS TO `PUBLIC`",
      "REVOKE GRANT LOAD ON ALL DATA FROM `PUBLIC`",
    ]);
    target.table.held("PUBLIC").add("EXECUTE PROCEDURE db.ping ON DBMS");
    await fresh.close?.();
  });

  it("with a grant of somebody else is for the administrator, and left alone", async () => {
    const { inputs, context, id, outputs } = await created();
    target.table.held("PUBLIC").add("MATCH {*} ON GRAPH * NODE *");
    const fresh = target.handler();
    const found: Finding[] = [];
    await fresh.read({ ...context, found: (finding) => found.push(finding) }, id, inputs, outputs);
    expect(found).toEqual([
      {
        field: "role PUBLIC: MATCH {*} ON GRAPH * NODE *",
        is: "granted",
        should: "not granted",
        sentence: "every user has MATCH {*} ON GRAPH * NODE * through the role PUBLIC, which somebody else granted",
        mend: "administrator",
        statements: ["REVOKE GRANT MATCH {*} ON GRAPH * NODE * FROM `PUBLIC`"],
      },
    ]);
    target.changes();
    await fresh.update(context, id, outputs, inputs);
    expect(target.changes().filter((text) => text.includes("PUBLIC"))).toEqual([]);
    target.table.held("PUBLIC").delete("MATCH {*} ON GRAPH * NODE *");
    await fresh.close?.();
  });
});
