import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { neo4jNames } from "../../../components/naming.ts";
import { markRole, parseMarkRole } from "../../../provider/neo4j/mark-role.ts";
import type { BoltServer } from "../../support/bolt-server.ts";
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

async function created() {
  const inputs = target.tenant();
  const { context } = newContext(inputs.tenant);
  const { id, outputs } = await handler.create(context, inputs);
  target.changes();
  return { inputs, context, id, outputs };
}

const markRoles = (role: string): string[] =>
  [...target.table.roles.keys()].filter((name) => parseMarkRole(name)?.role === role);

describe("what is there already", () => {
  it("is taken over by the same resource with a new token and password while it is empty", async () => {
    const { inputs, context, outputs } = await created();
    const [before] = markRoles(inputs.role);
    target.table.connections.set("bolt-3", inputs.username);
    const second = await handler.create(context, { ...inputs, password: "second-password-of-length" });
    expect(second.outputs.instanceToken).not.toBe(outputs.instanceToken);
    const after = markRoles(inputs.role);
    expect(after).toHaveLength(1);
    expect(after[0]).not.toBe(before);
    expect(parseMarkRole(after[0] ?? "")?.mark).toEqual({
      urn: context.urn,
      tenant: inputs.tenant,
      token: second.outputs.instanceToken,
    });
    expect(target.changes()[0]).toBe("RENAME ROLE `MARK` IF EXISTS TO `MARK`");
    expect(target.table.users.get(inputs.username)?.password).toBe("second-password-of-length");
    expect(target.table.connections.has("bolt-3")).toBe(false);
  });

  it("is refused while nodes are inside, and taken over with them when named", async () => {
    const { inputs, context } = await created();
    const database = target.table.databases.get(inputs.database);
    if (database !== undefined) database.nodes = 3;
    await expect(handler.create(context, inputs)).rejects.toThrow(
      `tenant ${inputs.tenant}: Neo4j database "${inputs.database}" is not in the stack's state and holds data (nodes).`,
    );
    expect(target.changes()).toEqual([]);
    await handler.create({ ...context, adopt: new Set([inputs.tenant]) }, inputs);
    expect(target.table.databases.get(inputs.database)?.nodes).toBe(3);
  });

  it("is refused while it is stopped, because nobody can look inside", async () => {
    const { inputs, context, id, outputs } = await created();
    await handler.update(context, id, outputs, { ...inputs, state: "suspended" });
    await expect(handler.create(context, inputs)).rejects.toThrow("(it is offline, so that nobody can look inside)");
  });

  it("is refused when another resource's mark is on it, even if named", async () => {
    const { inputs } = await created();
    const { context } = newContext(inputs.tenant, { urn: "urn:other", adopt: new Set([inputs.tenant]) });
    await expect(handler.create(context, inputs)).rejects.toThrow("aliases");
    expect(target.changes()).toEqual([]);
  });

  it.each(["database", "user", "role"])("is refused when it is a %s without a mark", async (kind) => {
    const inputs = target.tenant();
    const { table } = target;
    if (kind === "database") {
      table.databases.set(inputs.database, {
        requested: "online",
        current: "online",
        message: "",
        aliases: [],
        nodes: 0,
      });
    } else if (kind === "user") {
      table.users.set(inputs.username, {
        password: "x",
        roles: new Set(),
        change: false,
        suspended: false,
        home: null,
      });
    } else table.roles.set(inputs.role, new Set());
    const name = { database: inputs.database, user: inputs.username, role: inputs.role }[kind] ?? "";
    await expect(handler.create(newContext(inputs.tenant).context, inputs)).rejects.toThrow(
      `tenant ${inputs.tenant}: Neo4j ${kind} "${name}" exists and carries no mark of this tool.`,
    );
    expect(target.changes()).toEqual([]);
  });

  it("gets the new URN of an alias with the same token, and keeps one mark", async () => {
    const { inputs, context, id, outputs } = await created();
    const renamed = await handler.update({ ...context, urn: "urn:new" }, id, outputs, inputs);
    expect(renamed).toMatchObject({ markUrn: "urn:new", instanceToken: outputs.instanceToken });
    expect(markRoles(inputs.role).map((name) => parseMarkRole(name)?.mark?.urn)).toEqual(["urn:new"]);
  });

  it("is not updated by a state of another instance", async () => {
    const { inputs, context, id, outputs } = await created();
    const stale = { ...outputs, instanceToken: "0".repeat(32) };
    await expect(handler.update(context, id, stale, inputs)).rejects.toThrow(`tenancy adopt ${inputs.tenant}`);
    expect(target.changes()).toEqual([]);
    await handler.update({ ...context, adopt: new Set([inputs.tenant]) }, id, stale, inputs);
    expect(parseMarkRole(markRoles(inputs.role)[0] ?? "")?.mark?.token).toBe("0".repeat(32));
  });
});

describe("the mark", () => {
  const mark = { urn: "urn:pulumi:dev::tenancy::a$tenancy:neo4j:Database::42-database", tenant: "42", token: "ab12" };

  it("lies in a role's legal name and is read from it again", () => {
    const name = markRole("ekn_42", mark);
    expect(name).toMatch(/^tenancy_mark_ekn_42_[0-9a-f]+$/);
    expect(parseMarkRole(name)).toEqual({ role: "ekn_42", mark });
  });

  it("is never another tenant's whose role begins alike", () => {
    const [one, other] = [neo4jNames("tenant", "acme"), neo4jNames("tenant", "acme-corp")];
    const name = markRole(other.role, mark);
    expect(name.startsWith(`tenancy_mark_${one.role}_`)).toBe(true);
    expect(parseMarkRole(name)?.role).toBe(other.role);
  });

  it("is none where a name has another form", () => {
    expect(parseMarkRole("ekn_42")).toBeUndefined();
    expect(parseMarkRole("tenancy_mark_ekn_42_zz")).toBeUndefined();
    expect(parseMarkRole("tenancy_mark_ekn_42_7b7d")).toEqual({ role: "ekn_42", mark: undefined });
  });
});
