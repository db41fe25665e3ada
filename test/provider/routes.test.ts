import pg from "pg";
import { afterAll, describe, expect, test } from "vitest";
import { Resolver } from "../../client/resolve.ts";
import { clientConfig } from "../../provider/postgres/pool.ts";
import { baselineHandler } from "../../provider/postgres/baseline.ts";
import { postgresDependencies } from "../../provider/postgres/dependencies.ts";
import { rosterHandler } from "../../provider/index/roster.ts";
import { routesHandler } from "../../provider/index/routes.ts";
import type { RosterEntry, TenantRoute } from "../../provider/inputs.ts";
import { services } from "../support/services.ts";
import {
  baselineInputs,
  context as contextOf,
  projectDir,
  rosterEntry as entry,
  templates,
  tenantId,
} from "./postgres/support.ts";

const { main } = services().platform.postgres;
if (main === undefined) throw new Error("the services have a PostgreSQL server");
const resolver = { user: `resolver_${tenantId("r").replaceAll("-", "_")}`, password: "planted-resolver-password" };
const server = { ...main, resolver };
const dependencies = postgresDependencies({
  platform: { ...services().platform, postgres: { main: server } },
  templates,
  projectDir,
});
const [baseline, roster, routes] = [
  baselineHandler(dependencies),
  rosterHandler(dependencies),
  routesHandler(dependencies),
];

const route: TenantRoute = {
  host: "db.example.com",
  port: 5432,
  database: "tenants",
  schema: "tenant_x",
  user: "tenant_x_app",
  pooler: { host: "pool.example.com", port: 6432 },
  secret: "file:/srv/credentials/x.json",
};

const stackContext = (stack: string) => contextOf("tenants", { stack, type: "tenancy:index:Routes" });

const clients: pg.Pool[] = [];
function applications(): Resolver {
  const pool = new pg.Pool({ ...clientConfig(server, resolver), max: 2 });
  pool.on("error", () => undefined);
  clients.push(pool);
  return new Resolver({ catalogue: pool, expiryMs: 0 });
}

afterAll(async () => {
  await Promise.all(clients.map((pool) => pool.end()));
  const role = `"${resolver.user}"`;
  await dependencies.pools.run("main", task, (session) =>
    session.script(
      `REVOKE ALL ON DATABASE "${server.database}" FROM ${role}; REVOKE ALL ON SCHEMA platform FROM ${role}; ` +
        `REVOKE ALL ON platform.routes FROM ${role}; DROP ROLE ${role}`,
    ),
  );
  await dependencies.pools.close();
});
const task = { subject: "test", doing: "cleaning up" };

describe("routes of tenants", () => {
  test("an application resolves a tenant with a login that sees nothing else of the catalogue", async () => {
    const id = tenantId("routed");
    const context = stackContext(id);
    await baseline.create(context, { ...baselineInputs([]), resolverPassword: resolver.password });
    await roster.create(context, { catalogue: "main", maxDeletes: 1, tenants: { [id]: entry(id) } });
    const apps = applications();
    await expect(apps.resolve(id)).rejects.toThrow(`tenant "${id}": its place is not made yet`);

    await routes.create(context, { catalogue: "main", routes: { [id]: route } });
    expect(await apps.resolve(id)).toEqual({
      tenant: id,
      externalId: `external-${id}`,
      tier: "bridge",
      region: "eu",
      ...route,
    });
    const [pool] = clients;
    for (const table of ["tenants", "events", "applied_files"]) {
      await expect(pool?.query(`SELECT FROM platform.${table}`)).rejects.toThrow("permission denied");
    }
    await expect(pool?.query("UPDATE platform.routes SET region = 'x'")).rejects.toThrow(
      /permission denied|read-only transaction/,
    );
  });

  test("a suspended tenant is refused from the begin of the update on, and a removed one has no route", async () => {
    const id = tenantId("closed");
    const context = stackContext(id);
    const tenants = { [id]: entry(id, { placement: { postgres: "elsewhere" } }) };
    const inputs = { catalogue: "main", maxDeletes: 1, tenants };
    const made = await roster.create(context, inputs);
    await routes.create(context, { catalogue: "main", routes: { [id]: route } });
    const apps = applications();
    expect((await apps.resolve(id)).schema).toBe("tenant_x");

    const suspended = { ...inputs, tenants: { [id]: { ...tenants[id], state: "suspended" } as RosterEntry } };
    await roster.update(context, "roster", made.outputs, suspended);
    await expect(apps.resolve(id)).rejects.toThrow(`tenant "${id}": it is suspended`);

    await routes.update(
      context,
      "routes",
      { catalogue: "main", routes: { [id]: route } },
      { catalogue: "main", routes: {} },
    );
    await roster.update(context, "roster", made.outputs, inputs);
    await expect(apps.resolve(id)).rejects.toThrow(`tenant "${id}": it has no place in PostgreSQL`);
  });

  test("a route that was changed from outside is told, and mended by an update; other stacks' are left alone", async () => {
    const [id, foreign] = [tenantId("drifted"), tenantId("foreign")];
    const [context, other] = [stackContext(id), stackContext(foreign)];
    await roster.create(other, { catalogue: "main", maxDeletes: 1, tenants: { [foreign]: entry(foreign) } });
    await routes.create(other, { catalogue: "main", routes: { [foreign]: route } });
    await roster.create(context, { catalogue: "main", maxDeletes: 1, tenants: { [id]: entry(id) } });
    const inputs = { catalogue: "main", routes: { [id]: route } };
    await routes.create(context, inputs);
    expect((await routes.read(context, "routes", inputs, inputs))?.inputs).toEqual(inputs);

    await dependencies.pools.run("main", task, (session) =>
      session.query(`UPDATE platform.tenants SET route = '{"host": "evil"}' WHERE id = $1`, [id]),
    );
    expect((await routes.read(context, "routes", inputs, inputs))?.inputs.drift).toEqual([
      `the catalogue does not lead applications to the data of the tenant ${id}`,
    ]);
    await routes.update(context, "routes", inputs, inputs);
    expect((await routes.read(context, "routes", inputs, inputs))?.inputs.drift).toBeUndefined();
    await routes.delete(context, "routes", inputs);
    const apps = applications();
    await expect(apps.resolve(id)).rejects.toThrow("it has no place in PostgreSQL");
    expect((await apps.resolve(foreign)).host).toBe("db.example.com");
  });

  test("a catalogue that the platform does not have is refused at preview", async () => {
    const failures = await routes.check(stackContext("x"), undefined, { catalogue: "nowhere", routes: {} });
    expect(failures).toEqual([
      { property: "catalogue", reason: '"nowhere" is no PostgreSQL server of the platform; it has: main' },
    ]);
  });
});
