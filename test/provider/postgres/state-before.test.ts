/** A stack that was made before there were silos: its next preview shows nothing, and its next refresh neither. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { diffInputs } from "../../../provider/diff.ts";
import { createHandlers } from "../../../provider/handlers.ts";
import { services } from "../../support/services.ts";
import {
  baseline,
  baselineInputs,
  context,
  createTenant,
  dependencies,
  projectDir,
  schemaInputs,
  templates,
  tenantId,
} from "./support.ts";

const deps = dependencies();
const handlers = createHandlers({ platform: services().platform, templates, projectDir });
beforeAll(() => baseline(deps), 120_000);
afterAll(async () => {
  await deps.pools.close();
  for (const handler of new Set(handlers.values())) await handler.close?.();
});

function handlerOf(type: string) {
  const handler = handlers.get(type);
  if (handler === undefined) throw new Error(`no handler of ${type}`);
  return handler;
}

/** As the first version wrote it. */
const before = {
  server: "main",
  tenant: "acme",
  externalId: "org_acme",
  state: "active",
  schema: "tenant_acme",
  ownerRole: "tenant_acme_owner",
  appRole: "tenant_acme_app",
  readOnlyRole: "tenant_acme_ro",
  connectionLimit: 10,
  readOnlyConnectionLimit: 5,
  template: "knowledge-graph",
  variables: {},
  templateFiles: [
    {
      name: "0001-graph.sql",
      sha256: "46ecf99ac6f4a8691baf5402f2b23c34e0991d169728cd74d31299f603055ebc",
    },
  ],
  additionalFiles: [],
  additionalRoot: "tenants",
  password: "p",
  readOnlyPassword: "r",
};

test("a tenant of the tier bridge has the same type, the same properties that replace, and no diff", async () => {
  const handler = handlerOf("tenancy:postgres:Schema");
  expect(handler.replaceOn).toEqual(["server", "tenant", "schema", "ownerRole", "appRole", "readOnlyRole"]);
  expect(handler.secrets).toEqual(["password", "readOnlyPassword"]);
  const news = schemaInputs("acme", { externalId: "org_acme", password: "p", readOnlyPassword: "r" });
  expect(diffInputs(before, { ...news }, handler.replaceOn)).toEqual({ changes: new Map(), replaces: [] });
  expect(await handler.check(context("acme"), before, { ...news })).toEqual([]);
});

test("what is kept of a schema and of a Baseline has no property more", async () => {
  const inputs = schemaInputs(tenantId("before"));
  const outputs = await createTenant(deps, inputs);
  expect(Object.keys(outputs).sort()).toEqual([...Object.keys(before), "instanceToken", "markUrn"].sort());
  const handler = handlerOf("tenancy:postgres:Baseline");
  const made = await handler.create(context("main", { type: handler.type }), { ...baselineInputs(["vector"]) });
  expect(Object.keys(made.outputs).sort()).toEqual(
    ["extensionVersions", "extensions", "provisionerPassword", "server", "serverVersion"].sort(),
  );
  const live = await handler.read(
    context("main", { type: handler.type }),
    "main",
    { ...baselineInputs(["vector"]) },
    made.outputs,
  );
  expect(live?.inputs.drift).toBeUndefined();
});
