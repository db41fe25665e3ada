/**
 * Two tenants with a Neo4j Community instance each, one of them a canary as `tenancy verify` makes it: on the tests' real
 * instances. Skipped, and reported so, where the services give out none.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { neo4jNames } from "../../components/naming.ts";
import type { Neo4jDatabaseOutputs } from "../../provider/inputs.ts";
import { neo4jDatabaseHandler } from "../../provider/neo4j/database.ts";
import { Canaries } from "../../verify/canary/canaries.ts";
import { newCanaryId } from "../../verify/canary/id.ts";
import { neo4jProbe } from "../../verify/neo4j/probe.ts";
import { neo4jOrphans } from "../../verify/orphans/neo4j.ts";
import type { Party } from "../../verify/party.ts";
import { newContext, waiver } from "../provider/neo4j/support.ts";
import { services } from "../support/services.ts";
import { assaultOn, idsOf } from "./neo4j-support.ts";

const { platform } = services();
const found = Object.entries(platform.neo4j).find(([, { kind }]) => kind === "instances");

describe.skipIf(found === undefined)("instances of Neo4j Community", () => {
  const [name, server] = found ?? ["", { kind: "instances" as const, endpoint: "", token: "" }];
  const place = { store: "neo4j" as const, server: name };
  const folder = mkdtempSync(join(tmpdir(), "tenancy-neo4j-"));
  const options = {
    platform,
    project: "tenancy",
    stack: "test",
    projectDir: folder,
    templates: folder,
    connections: 4,
  };
  const canaries = new Canaries({ ...options, embedded: new Set() });
  const id = newCanaryId(Date.now() + 15 * 60_000);
  const tenant = `v${randomBytes(4).toString("hex")}`;
  const handler = neo4jDatabaseHandler({ platform });
  const names = neo4jNames("verify", tenant);
  const inputs = {
    server: name,
    tenant,
    state: "active" as const,
    ...names,
    password: randomBytes(18).toString("hex"),
  };
  const { context } = newContext(tenant);
  let outputs: Neo4jDatabaseOutputs;
  let canary: Party;
  let own: Party;

  beforeAll(async () => {
    const [made, party] = await Promise.all([
      handler.create(context, inputs),
      canaries.make(id, place, new AbortController().signal),
    ]);
    outputs = made.outputs;
    canary = party;
    const { uri, loginUser: username, password } = outputs;
    own = { id: tenant, canary: false, neo4j: { name, server, embedded: true, names, uri, username, password } };
  }, 180_000);
  afterAll(async () => {
    await handler.delete(context, "", { ...outputs, state: "offboarding", backupWaiver: waiver });
    await handler.close?.();
    await canaries.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("a tenant is denied every attempt on the canary's, and each control works", async () => {
    const results = await assaultOn(own, canary);
    expect(results.map(({ attempt, verdict, detail }) => [attempt.id, verdict, detail])).toEqual(
      results.map(({ attempt, detail }) => [attempt.id, "denied as expected", detail]),
    );
    expect(results.filter(({ control }) => control?.kind !== "proven")).toEqual([]);
    expect(results.length).toBeGreaterThanOrEqual(9);
    expect(await neo4jProbe().visible(own, canary)).toEqual([]);
  });

  it("two addresses that lead to one process are found by the canary's node", async () => {
    const { uri, password } = canary.neo4j ?? { uri: "", password: "" };
    if (own.neo4j === undefined) throw new Error("the tenant has an instance");
    const same = { ...own, neo4j: { ...own.neo4j, uri, password } };
    const leaks = idsOf(await assaultOn(same, canary), "LEAK");
    expect(leaks).toEqual(["planted-node", "victim-with-own-password"]);
  });

  it("what no tenant has is listed as an orphan, and a canary is found and removed", async () => {
    const search = { name, server, tenants: [], prefixes: ["verify"] };
    const { orphans } = await neo4jOrphans(search);
    const mine = orphans.filter((orphan) => [names.database, `canary-${id}`].includes(orphan.name));
    expect(mine.map(({ kind, name: orphan }) => [kind, orphan])).toEqual([
      ["instance", `canary-${id}`],
      ["instance", names.database],
    ]);
    const known = await neo4jOrphans({ ...search, tenants: [{ prefix: "verify", id: tenant }] });
    expect(known.orphans.filter((orphan) => orphan.name === names.database)).toEqual([]);
    const live = (await canaries.find(place)).get(id);
    expect(live?.mark?.tenant).toBe(id);
    if (live !== undefined) await canaries.remove(id, place, live);
    expect((await canaries.find(place)).has(id)).toBe(false);
  });
});
