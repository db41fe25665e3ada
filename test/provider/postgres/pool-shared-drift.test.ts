import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Finding } from "../../../provider/finding.ts";
import { ProviderError } from "../../../provider/handler.ts";
import type { PoolInputs, PoolOutputs } from "../../../provider/inputs.ts";
import { PostgresPools, type RunOptions, type Session } from "../../../provider/postgres/pool.ts";
import type { Task } from "../../../provider/postgres/faults.ts";
import { poolHandler } from "../../../provider/postgres/pool-shared.ts";
import {
  createPool,
  driftOf,
  joinPool,
  poolContext,
  poolInputs,
  type PoolPlaceOfTests,
  poolPlace,
} from "./pool-shared-support.ts";

let place: PoolPlaceOfTests;
let inputs: PoolInputs;
let outputs: PoolOutputs;
let stranger: string;

beforeAll(async () => {
  place = await poolPlace();
  inputs = poolInputs(place, "drift", { partitions: 2 });
  outputs = await createPool(place, inputs);
  await joinPool(place, inputs, "a");
  stranger = `stranger_${place.server.database.slice("pools_".length)}`;
  await place.admin(`CREATE ROLE ${stranger} LOGIN`);
}, 120_000);
afterAll(() => place.close());

async function look(): Promise<{ drift: readonly string[]; mends: ReadonlySet<string> }> {
  const found: Finding[] = [];
  const told = { ...poolContext("drift"), found: (finding: Finding) => found.push(finding) };
  const seen = await poolHandler(place.deps).read(told, inputs.schema, inputs, outputs);
  expect(told.warnings).toEqual([]);
  return { drift: seen?.inputs.drift ?? [], mends: new Set(found.map(({ mend }) => mend)) };
}

/**
 * As an administrator; `S` stands for the schema, `O`, `A` and `R` for the roles, `X` for a stranger, `T` for the trusted
 * login, `P` for the provisioner.
 */
interface Damage {
  readonly sql: string;
  readonly told: readonly string[];
  /** What an update leaves to a person, and the statement that takes it back. */
  readonly undo?: string;
}

/** Those of one round do not touch each other. */
const damages: Record<string, Damage> = {
  "row-level security switched off": {
    sql: "ALTER TABLE S.folders DISABLE ROW LEVEL SECURITY",
    told: ["the table folders has row-level security disabled"],
  },
  "row-level security waived for the owner": {
    sql: "ALTER TABLE S.notes NO FORCE ROW LEVEL SECURITY",
    told: ["the table notes waives row-level security for its owner"],
  },
  "row-level security of a partition switched off": {
    sql: "ALTER TABLE S.notes_p1 DISABLE ROW LEVEL SECURITY",
    told: ["the table notes_p1 has row-level security disabled"],
  },
  "row-level security of the members switched off": {
    sql: "ALTER TABLE S.tenancy_members DISABLE ROW LEVEL SECURITY",
    told: ["the table tenancy_members has row-level security disabled"],
  },
  "a policy dropped": {
    sql: "DROP POLICY tenant_isolation ON S.folders",
    told: ["the policy tenant_isolation of the table folders is missing"],
  },
  "a policy that lets everything through": {
    sql: "ALTER POLICY tenant_isolation ON S.folders USING (true)",
    told: ["the policy tenant_isolation of the table folders is not the pool's"],
  },
  "another permissive policy": {
    sql: "CREATE POLICY more ON S.folders USING (true)",
    told: ["the policy more of the table folders is none of the pool's"],
  },
  "a policy on the members": {
    sql: "CREATE POLICY more ON S.tenancy_members USING (true)",
    told: ["the policy more of the table tenancy_members is none of the pool's"],
  },
  "the default of tenant_id": {
    sql: "ALTER TABLE S.folders ALTER COLUMN tenant_id DROP DEFAULT",
    told: ["the default of tenant_id in the table folders is not the current tenant"],
  },
  "a disabled trigger of the audit": {
    sql: "ALTER TABLE S.folders DISABLE TRIGGER tenancy_audit_delete",
    told: ["the trigger tenancy_audit_delete of the table folders is disabled"],
  },
  "a missing trigger of the audit": {
    sql: "DROP TRIGGER tenancy_audit_update ON S.notes",
    told: ["the trigger tenancy_audit_update of the table notes is missing"],
  },
  "a trigger of the audit that leaves out a column": {
    sql: `CREATE OR REPLACE TRIGGER tenancy_audit_insert AFTER INSERT ON S.folders REFERENCING NEW TABLE AS new_rows
      FOR EACH STATEMENT EXECUTE FUNCTION S.tenancy_audit('name')`,
    told: ["the trigger tenancy_audit_insert of the table folders is not the pool's"],
  },
  "another body of the current tenant": {
    sql: `CREATE OR REPLACE FUNCTION S.current_tenant_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
      SET search_path = pg_catalog, pg_temp AS 'SELECT tenant_id FROM S.tenancy_members LIMIT 1'`,
    told: ["the function current_tenant_id() is not the pool's"],
  },
  "a function without its search_path": {
    sql: "ALTER FUNCTION S.set_tenant_context(uuid, text) RESET search_path",
    told: ["the function set_tenant_context() is not the pool's"],
  },
  "an audit function that everyone may call": {
    sql: "GRANT EXECUTE ON FUNCTION S.tenancy_audit() TO PUBLIC",
    told: ["the function tenancy_audit() has other rights than a tenant's for PUBLIC"],
  },
  "a view with its owner's rights": {
    sql: "ALTER VIEW S.titles RESET (security_invoker)",
    told: ["the view titles reads with its owner's rights (security_invoker is off)"],
  },
  "a right on a table": {
    sql: "GRANT TRUNCATE ON S.folders TO A",
    told: ["the table folders has other rights than a tenant's for A"],
  },
  "a right to change the audit": {
    sql: "GRANT DELETE ON S.audit_log TO A",
    told: ["the table audit_log has other rights than a tenant's for A"],
  },
  "a right to change an append-only table": {
    sql: "GRANT UPDATE ON S.visits TO A",
    told: ["the table visits has other rights than a tenant's for A"],
  },
  "a right on a partition": {
    sql: "GRANT SELECT ON S.notes_p0 TO R",
    told: ["the table notes_p0 has other rights than a tenant's for R"],
  },
  "a right of a stranger on a column": {
    sql: "GRANT SELECT (title) ON S.notes TO X",
    told: ["the table notes has rights on single columns for X"],
  },
  "a right to read the members": {
    sql: "GRANT SELECT ON S.tenancy_members TO R",
    told: ["the table tenancy_members has other rights than a tenant's for R"],
  },
  "a right to create in the schema": {
    sql: "GRANT CREATE ON SCHEMA S TO A",
    told: ["the schema S has other rights than a tenant's for A"],
  },
  "default privileges": {
    sql: "ALTER DEFAULT PRIVILEGES FOR ROLE O IN SCHEMA S GRANT ALL ON TABLES TO A",
    told: ["O has default privileges"],
  },
  "a stranger as a member of a group": {
    sql: "GRANT A TO X WITH INHERIT TRUE",
    told: ["the role X is a member of A"],
  },
  "a group that may log in and has a power": {
    sql: "ALTER ROLE A LOGIN BYPASSRLS",
    told: ["the role A may log in", "the role A has BYPASSRLS"],
  },
  "a group in a predefined role": {
    sql: "GRANT pg_read_all_data TO A",
    told: ["the role A is a member of pg_read_all_data"],
  },
  "the trusted login without its role": {
    sql: "SET ROLE P; REVOKE A FROM T",
    told: ["the trusted login T cannot take the role A"],
  },
  "the trusted login with the rights of its role": {
    sql: "SET ROLE P; GRANT A TO T WITH INHERIT TRUE",
    told: ["the role T is a member of A in another way than the pool's", "the trusted login T cannot take the role A"],
  },
  "a login that may choose any tenant": {
    sql: "INSERT INTO S.tenancy_logins (login, kind) VALUES ('X', 'provisioner')",
    told: ["the pool takes the login X for the provisioner"],
  },
  "the trusted login forgotten": {
    sql: "DELETE FROM S.tenancy_logins WHERE kind = 'application'",
    told: ["the pool does not know the login T of the application"],
  },
  "the mark": { sql: "COMMENT ON SCHEMA S IS NULL", told: ["the schema S has lost its mark"] },
  "an index of the template": {
    sql: "DROP INDEX S.notes_folder",
    told: ["the index notes_folder of the table notes is missing"],
  },
  "a view of the template, which gets its rights again": {
    sql: "DROP VIEW S.titles",
    told: ["the view titles is missing"],
  },
  "a trigger of the template": {
    sql: "ALTER TABLE S.notes DISABLE TRIGGER touch",
    told: ["the trigger touch of the table notes: state is disabled, not enabled"],
  },
  "a partition": {
    sql: "DROP TABLE S.notes_p1",
    told: ["the table notes_p1 is missing"],
    undo: `SET ROLE O; CREATE TABLE S.notes_p1 PARTITION OF S.notes FOR VALUES WITH (MODULUS 2, REMAINDER 1)`,
  },
  "a table of somebody's own, which members cannot read": {
    sql: "SET ROLE O; CREATE TABLE S.extra (id int)",
    told: ["the table extra is not in the template"],
    undo: "DROP TABLE S.extra",
  },
  "an index of the tool for vectors is none of the template's and stays": {
    sql: "CREATE INDEX tenancy_hnsw_notes_title_00000000 ON S.notes_p0 (title)",
    told: [],
    undo: "DROP INDEX S.tenancy_hnsw_notes_title_00000000",
  },
};

const named = (text: string) => {
  const names: Record<string, string> = {
    S: inputs.schema,
    O: inputs.ownerRole,
    A: inputs.appRole,
    R: inputs.readOnlyRole,
    X: stranger,
    T: place.application.user,
    P: place.server.provisioner.user,
  };
  return text.replaceAll(/\b[SOARXTP]\b/g, (letter) => names[letter] ?? letter);
};

describe("what was changed from outside", () => {
  const ofSecond = new Set([
    "a policy dropped",
    "another permissive policy",
    "the trusted login with the rights of its role",
    "a trigger of the audit that leaves out a column",
    "a right of a stranger on a column",
    "row-level security of the members switched off",
    "a view with its owner's rights",
  ]);
  const mended = Object.entries(damages).filter(([, { undo }]) => undo === undefined);
  const rounds = {
    first: mended.filter(([name]) => !ofSecond.has(name)),
    second: mended.filter(([name]) => ofSecond.has(name)),
  };

  test.each(Object.entries(rounds))("is told and mended by the next update, %s round", async (_name, round) => {
    for (const [, { sql }] of round) await place.admin(named(sql));
    const { drift, mends } = await look();
    expect([...drift].sort()).toEqual(round.flatMap(([, { told }]) => told.map(named)).sort());
    expect([...mends]).toEqual(["repair"]);
    const context = poolContext("drift");
    await poolHandler(place.deps).update(context, inputs.schema, outputs, inputs);
    expect(context.warnings).toEqual([]);
    expect((await look()).drift).toEqual([]);
  });

  test("is left to a person where rows could be lost", async () => {
    const left = Object.values(damages).filter(({ undo }) => undo !== undefined);
    for (const { sql } of left) await place.admin(named(sql));
    const told = left.flatMap((damage) => damage.told.map(named)).sort();
    const seen = await look();
    expect([...seen.drift].sort()).toEqual(told);
    expect([...seen.mends]).toEqual(["by hand"]);
    await poolHandler(place.deps).update(poolContext("drift"), inputs.schema, outputs, inputs);
    expect([...(await look()).drift].sort()).toEqual(told);
    const rights = await place.admin<{ member: boolean }>(
      `SELECT has_table_privilege('${inputs.appRole}', '${inputs.schema}.extra', 'SELECT') AS member`,
    );
    expect(rights).toEqual([{ member: false }]);
    for (const { undo } of left) await place.admin(named(undo ?? ""));
    await poolHandler(place.deps).update(poolContext("drift"), inputs.schema, outputs, inputs);
    expect((await look()).drift).toEqual([]);
  });

  test("an unsafe object from outside is warned of at each update and stops none", async () => {
    await place.admin(named("CREATE UNIQUE INDEX names ON S.folders (name)"));
    const context = poolContext("drift");
    await poolHandler(place.deps).update(context, inputs.schema, outputs, inputs);
    expect(context.warnings).toEqual([
      expect.stringMatching(
        /the unique key names of the table folders does not begin with tenant_id.*left to a person/,
      ),
      expect.stringMatching(/the index names of the table folders is not in the template; this is left to a person/),
    ]);
    await place.admin(named("DROP INDEX S.names"));
  });

  test("what only an administrator may mend is told with its statements where none is configured", async () => {
    const { admin: _, ...server } = place.server;
    const deps = { ...place.deps, pools: new PostgresPools({ postgres: { main: server } }) };
    await place.admin(named("GRANT pg_read_all_data TO A"));
    const updating = poolHandler(deps).update(poolContext("drift"), inputs.schema, outputs, inputs);
    await expect(updating).rejects.toThrow(/only an administrator can mend.*\nREVOKE "pg_read_all_data" FROM/);
    await deps.pools.close();
    await place.admin(named("REVOKE pg_read_all_data FROM A"));
  });
});

/** Pools of connections whose process is gone after so many messages that changed something. */
class Mortal extends PostgresPools {
  left: number;
  constructor(left: number) {
    super({ postgres: { main: place.server } });
    this.left = left;
  }
  override run<T>(name: string, task: Task, work: (session: Session) => Promise<T>, options?: RunOptions): Promise<T> {
    const spend = async <R>(send: () => Promise<R>): Promise<R> => {
      if (this.left-- <= 0) throw new ProviderError("killed");
      return send();
    };
    return super.run(
      name,
      task,
      (session) =>
        work({
          query: (text, values) => session.query(text, values),
          script: (text) => spend(() => session.script(text)),
        }),
      options,
    );
  }
}

describe("what a crashed run left", () => {
  test("a create that is killed after any change leaves all of the pool or nothing, and the next takes it up", async () => {
    const wanted = poolInputs(place, "crash", { partitions: 2 });
    const there = async () =>
      (await place.admin("SELECT FROM pg_namespace WHERE nspname = $1", [wanted.schema])).length;
    let kills = 0;
    for (let left = 0; ; left += 1) {
      const deps = { ...place.deps, pools: new Mortal(left) };
      const outcome = await poolHandler(deps)
        .create(poolContext("crash"), wanted)
        .then(
          () => "made",
          (error: unknown) => String(error),
        );
      await deps.pools.close();
      if (outcome === "made") break;
      expect(outcome).toMatch(/killed/);
      expect(await there()).toBe(0);
      kills += 1;
    }
    expect(kills).toBeGreaterThan(6);
    // The state knows nothing of what was made.
    const { outputs: again } = await poolHandler(place.deps).create(poolContext("crash"), wanted);
    expect(await driftOf(place, wanted, again)).toEqual([]);
    expect(await place.admin("SELECT event FROM platform.events WHERE tenant = 'pool crash' ORDER BY id")).toEqual([
      { event: "create" },
      { event: "adopt" },
    ]);
  });

  test("an update that is killed after any change is done by the next", async () => {
    const wanted = poolInputs(place, "mended");
    const made = await createPool(place, wanted);
    await place.admin(`DROP POLICY tenant_isolation ON ${wanted.schema}.notes`);
    for (let left = 0; ; left += 1) {
      const deps = { ...place.deps, pools: new Mortal(left) };
      const done = await poolHandler(deps)
        .update(poolContext("mended"), wanted.schema, made, wanted)
        .then(
          () => true,
          () => false,
        );
      await deps.pools.close();
      if (done) break;
    }
    expect(await driftOf(place, wanted, made)).toEqual([]);
  });

  test("a pool with rows is taken over only for the tenants that are named, and keeps them", async () => {
    const wanted = poolInputs(place, "rows");
    const first = await createPool(place, wanted);
    const member = await joinPool(place, wanted, "owner-of-rows".replaceAll("-", ""));
    const client = await place.connectAs(member.login, member.password);
    await client.query("INSERT INTO folders (name) VALUES ('kept')");
    const handler = poolHandler(place.deps);
    await expect(handler.create(poolContext("rows"), wanted)).rejects.toThrow(
      /holds data \(rows of ownerofrows\).*`tenancy adopt ownerofrows`/,
    );
    await expect(handler.create(poolContext("rows", { stack: "other" }), wanted)).rejects.toThrow(
      /belongs to the resource urn:pulumi:test::.*not to urn:pulumi:other::/,
    );
    const { outputs: second } = await handler.create(poolContext("rows", { adopt: ["ownerofrows"] }), wanted);
    expect(second.instanceToken).not.toBe(first.instanceToken);
    expect((await client.query("SELECT name FROM folders")).rows).toEqual([{ name: "kept" }]);
    await client.end();
    // The first state's pool is the second's now.
    const told = poolContext("rows");
    await handler.delete(told, wanted.schema, first);
    expect(told.warnings).toEqual([expect.stringMatching(/is left alone: it is not the one of this state/)]);
    await expect(handler.update(poolContext("rows"), wanted.schema, first, wanted)).rejects.toThrow(
      /belongs to another instance/,
    );
  });

  test("a schema without a mark is nobody's to take, and roles without their schema are made good", async () => {
    const wanted = poolInputs(place, "bare");
    await place.admin(`CREATE SCHEMA ${wanted.schema}`);
    const handler = poolHandler(place.deps);
    await expect(handler.create(poolContext("bare"), wanted)).rejects.toThrow(/carries no mark of this tool/);
    await place.admin(`DROP SCHEMA ${wanted.schema}`);
    const made = await createPool(place, wanted);
    await joinPool(place, wanted, "left");
    await place.admin(`DROP SCHEMA ${wanted.schema} CASCADE; ALTER ROLE ${wanted.appRole} LOGIN`);
    expect(await driftOf(place, wanted, made)).toBeUndefined();
    await expect(handler.update(poolContext("bare"), wanted.schema, made, wanted)).rejects.toThrow(/is gone/);
    const anew = await createPool(place, wanted);
    expect(await driftOf(place, wanted, anew)).toEqual([]);
  });

  test("an empty pool is deleted with its roles and records, and a second delete does nothing more", async () => {
    const wanted = poolInputs(place, "ended");
    const made = await createPool(place, wanted);
    const handler = poolHandler(place.deps);
    for (const time of ["once", "twice"]) {
      await handler.delete(poolContext("ended"), wanted.schema, made);
      const left = await place.admin(
        `SELECT nspname AS name FROM pg_namespace WHERE nspname = $1 UNION ALL SELECT rolname FROM pg_roles WHERE starts_with(rolname, $1)
         UNION ALL SELECT name FROM platform.applied_files WHERE schema_name = $1`,
        [wanted.schema],
      );
      expect([time, left]).toEqual([time, []]);
    }
  });
});
