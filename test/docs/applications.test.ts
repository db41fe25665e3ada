import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compileFunction } from "node:vm";
import { SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Tenants, verifyTenantToken, withTenant } from "../../client/index.ts";
import { makeWorld, type World } from "../client/world.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/applications.md"), "utf8");
/** Each example without its imports: they are plain JavaScript, and run one after another. */
const examples = [...page.matchAll(/```ts\n([^]*?)```/g)].map(([, code = ""]) => code.replaceAll(/^import .*$/gm, ""));

/** Stands for a class: what `new` gives is what the function gives. */
function made(give: () => object) {
  return function () {
    return give();
  };
}

let world: World;
beforeAll(async () => {
  world = await makeWorld({ bridge: 1, pool: 1 });
}, 60_000);
afterAll(() => world.end());

test.each(["bridge", "pool"] as const)(
  "the examples of docs/applications.md run as they are, in the tier %s",
  async (tier) => {
    const route = world.route(tier, 1);
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const claims = { iss: "https://id.example.com", aud: "api", tenant: route.tenant, role: "editor", sub: "ann" };
    const bearer = await new SignJWT(claims)
      .setProtectedHeader({ alg: "ES256" })
      .setExpirationTime("1m")
      .sign(privateKey);
    const resolver = { resolve: () => Promise.resolve(route), forget: () => undefined };
    const given = {
      pg: { Pool: made(() => world.connections(1)) },
      Resolver: made(() => resolver),
      ...{ Tenants, withTenant, verifyTenantToken, bearer, key: publicKey, poolOf: () => world.connections(1) },
      ...{ host: "", password: "", ca: "" },
    };
    expect(examples).toHaveLength(3);
    const code = `return (async () => { ${examples.join("\n")}\nreturn bodies; })()`;
    const run = compileFunction(code, Object.keys(given)) as (...values: unknown[]) => Promise<string[]>;
    expect(await run(...Object.values(given))).toEqual([route.tenant, "a note"]);
    expect(
      await withTenant(world.connections(1), route, async (tx) => (await tx.query("SELECT FROM notes")).rowCount),
    ).toBe(1);
  },
);
