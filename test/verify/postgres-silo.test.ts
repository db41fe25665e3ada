import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Controls, type Result } from "../../verify/assault.ts";
import type { Party } from "../../verify/party.ts";
import { siloRecipes } from "../../verify/postgres/attempts/silo.ts";
import { postgresProbe } from "../../verify/postgres/probe.ts";
import { attack, type Ground, idsOf, startGround, type Tenant } from "./postgres-support.ts";

let ground: Ground;
let silo: Tenant;
let target: Tenant;
let bridge: Tenant;
let canary: Tenant;
let controls: Controls;
const probe = postgresProbe();
const found = new Set<string>();

beforeAll(async () => {
  ground = await startGround();
  const id = () => `abcde-${randomBytes(4).toString("hex")}`;
  silo = await ground.provisionSilo("acme", "knowledge-graph");
  // As a canary, so that everything is tried against it.
  target = await ground.provisionSilo(id(), "canary");
  bridge = await ground.provision("bridge", "knowledge-graph");
  canary = await ground.provision(id(), "canary");
  await probe.furnish(canary);
  await probe.furnish(target);
  controls = new Controls(probe, target);
});
afterAll(async () => {
  await controls.close();
  await ground.end();
});

const wrong = (results: readonly Result[]) =>
  results
    .filter(({ verdict, control }) => verdict !== "denied as expected" || control?.kind !== "proven")
    .map(({ attempt, verdict, detail, control }) => [attempt.id, verdict, detail, control]);
const ids = siloRecipes.map((recipe) => recipe.id);

describe("an intact server", () => {
  test.each<[string, () => Party, () => Party, string[]]>([
    ["a silo everything against another silo", () => silo, () => target, ids],
    ["a silo everything against a tenant of the shared database", () => silo, () => canary, ids],
    [
      "a tenant of the shared database everything against a silo",
      () => bridge,
      () => target,
      ids.filter((id) => id !== "silo-connect-shared"),
    ],
  ])("denies %s, and the controls prove that it could be allowed", async (_name, attacker, victim, expected) => {
    const results = await attack(probe, attacker(), victim());
    expect(wrong(results)).toEqual([]);
    const made = idsOf(results, "denied as expected");
    expect(made.filter((id) => id.startsWith("silo-"))).toEqual(expected);
    // What is about the server and the roles is tried from a database of its own, too.
    expect(made).toEqual(expect.arrayContaining(["other-databases", "change-password", "memberships"]));
    expect(made.length).toBeGreaterThan(80);
    // What is about tables ends at the database: there is no way to name them.
    expect(made).not.toContain("select");
  });

  test("denies a canary what does no harm against a silo that is a customer's", async () => {
    const results = await attack(probe, canary, silo);
    const made = results.filter(({ verdict }) => verdict !== "not made");
    expect(wrong(made)).toEqual([]);
    expect(made.filter(({ attempt }) => attempt.harm !== "none")).toEqual([]);
    expect(idsOf(results, "not made")).toEqual(expect.arrayContaining(["silo-drop", "silo-copy"]));
  });

  test("makes no attempt between databases where there is one", async () => {
    const results = await attack(probe, bridge, canary);
    expect(results.filter(({ attempt }) => attempt.id.startsWith("postgres/silo-"))).toEqual([]);
  });

  test("shows a silo's names to others in the places that the documents name, and nowhere else", async () => {
    const residue = new Set(probe.residue.map(({ place }) => place));
    for (const [attacker, victim] of [
      [silo, target],
      [bridge, target],
      [target, canary],
    ] as const) {
      const places = await probe.visible(attacker, victim);
      expect(places).toContain("pg_catalog.pg_database");
      expect(places.filter((place) => !residue.has(place))).toEqual([]);
      // Inside of another database its tables, functions and policies are not to be seen.
      for (const place of ["pg_class", "pg_proc", "pg_namespace", "pg_attribute"]) {
        const shown = places.includes(`pg_catalog.${place}`);
        expect([place, shown]).toEqual([place, false]);
      }
    }
  });
});

describe("what breaks a silo is found by the attempts that are about it, and by no others", () => {
  interface Mutation {
    readonly name: string;
    damage(a: Tenant, v: Tenant): string;
    repair(a: Tenant, v: Tenant): string;
    readonly found: readonly string[];
  }
  const app = ({ postgres }: Tenant) => postgres.names.appRole;
  const databaseOf = ({ postgres }: Tenant) => postgres.server.database;
  const provisioner = ({ postgres }: Tenant) => postgres.server.provisioner.user;
  const mutations: readonly Mutation[] = [
    {
      name: "the other login may connect",
      damage: (a, v) => `GRANT CONNECT ON DATABASE ${databaseOf(v)} TO ${app(a)}`,
      repair: (a, v) => `REVOKE CONNECT ON DATABASE ${databaseOf(v)} FROM ${app(a)}`,
      found: ["silo-connect", "silo-size", "other-databases"],
    },
    {
      name: "everybody may connect",
      damage: (_a, v) => `GRANT CONNECT ON DATABASE ${databaseOf(v)} TO PUBLIC`,
      repair: (_a, v) => `REVOKE CONNECT ON DATABASE ${databaseOf(v)} FROM PUBLIC`,
      found: ["silo-connect", "silo-connect-read-only", "silo-size", "other-databases"],
    },
    {
      name: "the shared database is open to a silo",
      damage: (a) => `GRANT CONNECT ON DATABASE tenants TO ${app(a)}`,
      repair: (a) => `REVOKE CONNECT ON DATABASE tenants FROM ${app(a)}`,
      found: ["silo-connect-shared", "other-databases"],
    },
    {
      name: "template1 is open to everybody",
      damage: () => "GRANT CONNECT ON DATABASE template1 TO PUBLIC",
      repair: () => "REVOKE CONNECT ON DATABASE template1 FROM PUBLIC",
      found: ["silo-connect-template", "other-databases"],
    },
    {
      name: "the right to connect may be handed on",
      damage: (a, v) => `GRANT CONNECT ON DATABASE ${databaseOf(v)} TO ${app(a)} WITH GRANT OPTION`,
      repair: (a, v) => `REVOKE CONNECT ON DATABASE ${databaseOf(v)} FROM ${app(a)} CASCADE`,
      found: ["silo-connect", "silo-size", "silo-grant-connect", "other-databases"],
    },
    {
      name: "the application's login sees all statements",
      damage: (a) => `GRANT pg_read_all_stats TO ${app(a)} WITH INHERIT TRUE`,
      repair: (a) => `REVOKE pg_read_all_stats FROM ${app(a)}`,
      found: ["silo-activity", "silo-size", "activity", "statement-texts", "memberships"],
    },
    {
      name: "a role of the attacker's owns the database",
      damage: (a, v) => `ALTER DATABASE ${databaseOf(v)} OWNER TO ${app(a)}`,
      repair: (a, v) => `ALTER DATABASE ${databaseOf(v)} OWNER TO ${provisioner(a)}`,
      found: [
        ...["silo-connect", "silo-size", "silo-drop", "silo-owner", "silo-comment", "silo-settings"],
        ...["silo-grant-connect", "other-databases"],
      ],
    },
    {
      name: "the database is a template, and the attacker may create databases",
      damage: (a, v) => `ALTER ROLE ${app(a)} CREATEDB; ALTER DATABASE ${databaseOf(v)} IS_TEMPLATE true`,
      repair: (a, v) => `ALTER ROLE ${app(a)} NOCREATEDB; ALTER DATABASE ${databaseOf(v)} IS_TEMPLATE false`,
      found: ["silo-copy"],
    },
    {
      name: "the attacker administers the victim's login",
      damage: (a, v) =>
        `GRANT ${app(v)} TO ${app(a)} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE; ALTER ROLE ${app(a)} CREATEROLE`,
      repair: (a, v) => `ALTER ROLE ${app(a)} NOCREATEROLE; REVOKE ${app(v)} FROM ${app(a)}`,
      found: ["silo-role-settings"],
    },
    {
      name: "the attacker is a superuser",
      damage: (a) => `ALTER ROLE ${app(a)} SUPERUSER`,
      repair: (a) => `ALTER ROLE ${app(a)} NOSUPERUSER`,
      found: ids.filter((id) => id !== "silo-connect-read-only"),
    },
  ];

  test.each(mutations)("$name", async (mutation) => {
    const { name, found: expected } = mutation;
    await ground.admin(mutation.damage(silo, target));
    try {
      const results = await attack(postgresProbe({ keep: 0 }), silo, target, controls);
      const leaks = idsOf(results, "LEAK");
      for (const id of leaks) found.add(id);
      // What attempts at roles and the server find of it beside is theirs: postgres-mutations.test.ts.
      const about = (list: readonly string[]) => list.filter((id) => id.startsWith("silo-")).sort();
      expect(about(leaks)).toEqual(about(expected));
      expect(leaks).toEqual(expect.arrayContaining([...expected]));
      expect([name, idsOf(results, "could not run")]).toEqual([name, []]);
    } finally {
      await ground.admin(mutation.repair(silo, target));
    }
  });

  test("after all repairs every attempt is denied as expected", async () => {
    expect(wrong(await attack(postgresProbe({ keep: 0 }), silo, target, controls))).toEqual([]);
  });

  test("every attempt between databases has found something", () => {
    expect(ids.filter((id) => !found.has(id))).toEqual([]);
  });
});
