import { afterAll, beforeAll, expect, it } from "vitest";
import type { Neo4jServer } from "../../provider/config.ts";
import { markRole } from "../../provider/neo4j/mark-role.ts";
import { liveNeo4j } from "../../verify/canary/live-neo4j.ts";
import { isCanary, removalOf } from "../../verify/drift-report.ts";
import { driftState } from "../../verify/drift-state.ts";
import { neo4jOrphans } from "../../verify/orphans/neo4j.ts";
import { platformSchema } from "../../provider/config.ts";
import { certificates } from "../provider/neo4j/support.ts";
import { type BoltServer, type Row, startBoltServer } from "../support/bolt-server.ts";

const urn = (stack: string) => `urn:pulumi:${stack}::tenancy::tenancy:neo4j:Database::x`;
const mark = (role: string, tenant: string, stack = "test") =>
  markRole(role, { urn: urn(stack), tenant, token: "planted-token" });
const database = (name: string): Row => ({ name, type: "standard", currentStatus: "online" });
const user = (name: string): Row => ({ user: name, roles: ["PUBLIC", name.replace(/_app$/, "")], suspended: false });

const answers: Readonly<Record<string, readonly Row[]>> = {
  "SHOW DATABASES YIELD name, type, currentStatus RETURN DISTINCT name, type, currentStatus ORDER BY name": [
    ...["system", "neo4j", "reports", "ekn-42", "ekn-lost-one", "ekn-others", "canary-htcoc-728a1754"].map(database),
  ],
  "SHOW USERS YIELD user, roles, suspended RETURN user, roles, suspended ORDER BY user": [
    ...["neo4j", "someone", "ekn_42_app", "ekn_lost__one_app"].map(user),
  ],
  "SHOW ROLES YIELD role RETURN role ORDER BY role": [
    ...["PUBLIC", "admin", "analysts", "ekn_42", "ekn_lost__one"],
    ...[mark("ekn_42", "42"), mark("ekn_lost__one", "lost-one"), mark("ekn_others", "others", "prod")],
    mark("canary_htcoc__728a1754", "htcoc-728a1754"),
  ].map((role) => ({ role })),
};

let bolt: BoltServer;
let server: Neo4jServer;
beforeAll(async () => {
  const { certificate, key, ca } = await certificates();
  bolt = await startBoltServer({
    certificate,
    key,
    login: () => undefined,
    answer: ({ text }) => ({ rows: answers[text] ?? [] }),
  });
  const uri = `bolt+s://127.0.0.1:${bolt.port}`;
  server = { kind: "server", uri, user: "neo4j", password: "admin-password", procedures: [], ca };
});
afterAll(() => bolt.close());

it("databases, users, roles and marks of no known tenant are listed, and nobody else's", async () => {
  const { orphans, incomplete } = await neo4jOrphans({
    name: "main",
    server,
    tenants: [{ prefix: "ekn", id: "42" }],
    prefixes: ["ekn"],
    origin: { project: "tenancy", stack: "test" },
  });
  expect(incomplete).toEqual([]);
  expect(orphans.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    "database canary-htcoc-728a1754",
    "database ekn-lost-one",
    "mark tenancy_mark_canary_htcoc__728a1754",
    "mark tenancy_mark_ekn_lost__one",
    "role ekn_lost__one",
    "user ekn_lost__one_app",
  ]);
  expect(orphans[1]?.detail).toBe("online; marked as tenant lost-one of the stack tenancy/test");
  expect(JSON.stringify(orphans)).not.toContain("planted-token");
  expect(orphans.filter(isCanary).map(({ kind }) => kind)).toEqual(["database", "mark"]);
  expect(orphans.slice(1).flatMap(removalOf)[0]).toBe(
    "DROP DATABASE `ekn-lost-one` DUMP DATA;  // keeps a dump on the server",
  );
});

it("a canary is found by its database and has the mark of its role", async () => {
  const live = await liveNeo4j(server);
  expect([...live].map(([id, { mark: found, there }]) => [id, found?.tenant, there])).toEqual([
    ["htcoc-728a1754", "htcoc-728a1754", true],
  ]);
});

it("the database of the state is read with the password of the stack's outputs", () => {
  const secret = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };
  const kept = { tenant: "42", server: "main", database: "ekn-42", password: secret };
  const resources = [
    { urn: urn("test"), type: "tenancy:neo4j:Database", id: "main/ekn-42", inputs: kept, outputs: kept },
  ];
  const neo4j = { uri: "bolt+s://g:7687", database: "ekn-42", username: "ekn_42_app", password: "graph secret" };
  const live = { id: "42", state: "active" as const, neo4j } as unknown as Parameters<
    typeof driftState
  >[1] extends ReadonlyMap<string, infer C>
    ? C
    : never;
  const state = { version: 3, deployment: { resources } };
  const found = driftState(state, new Map([["42", live]]), platformSchema.parse({}));
  expect(found.faults).toEqual([]);
  expect(found.resources.map(({ store, name, inputs }) => [store, name, inputs.password])).toEqual([
    ["neo4j", "ekn-42", "graph secret"],
  ]);
});
