import { describe, expect, test } from "vitest";
import { ProviderError } from "../../provider/handler.ts";
import { platformSchema } from "../../provider/config.ts";
import type { AnyHandler } from "../../provider/rpc.ts";
import { type DriftReport, exitCodeOf, readDrift } from "../../verify/drift.ts";
import { isCanary, jsonReport, textReport } from "../../verify/drift-report.ts";
import { driftState, type StateResource } from "../../verify/drift-state.ts";
import { newCanaryId } from "../../verify/canary/id.ts";
import type { Orphan } from "../../verify/orphans/orphan.ts";

const secret = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", ciphertext: "v1:x" };
const urn = (name: string) => `urn:pulumi:dev::tenancy::tenancy:postgres:Schema::${name}`;
const schema = (tenant: string, over: object = {}) => ({
  urn: urn(tenant),
  type: "tenancy:postgres:Schema",
  id: `tenant_${tenant}`,
  inputs: {
    tenant,
    server: "main",
    schema: `tenant_${tenant}`,
    password: secret,
    readOnlyPassword: secret,
    drift: ["old"],
  },
  outputs: {
    tenant,
    server: "main",
    schema: `tenant_${tenant}`,
    password: secret,
    readOnlyPassword: secret,
    instanceToken: "t",
  },
  ...over,
});
const connection = {
  tier: "bridge",
  state: "active",
  postgres: {
    host: "h",
    port: 1,
    database: "d",
    user: "u",
    password: "app secret",
    readOnlyUser: "r",
    readOnlyPassword: "ro secret",
    schema: "tenant_a",
  },
};
const platform = platformSchema.parse({});

describe("the state as the handlers know it", () => {
  test("a silo's database is read like a schema, and one on a server of its own is told as not found out", () => {
    const database = { type: "tenancy:postgres:Database", id: "tenant_a" };
    const kept = { tenant: "a", server: "main", database: "tenant_a", password: secret, readOnlyPassword: secret };
    const own = { ...kept, tenant: "b", database: "tenant_b", server: "rds", connectionPassword: secret };
    const resources = [
      { urn: "urn:a", ...database, inputs: kept, outputs: kept },
      { urn: "urn:b", ...database, id: "tenant_b", inputs: own, outputs: own },
    ];
    const found = driftState(
      { version: 3, deployment: { resources } },
      new Map([
        ["a", connection],
        ["b", connection],
      ]),
      platform,
    );
    expect(found.resources.map(({ name, store, server, inputs }) => [name, store, server, inputs.password])).toEqual([
      ["tenant_a", "postgres", "main", "app secret"],
    ]);
    expect(found.faults).toEqual([
      expect.stringMatching(/^tenancy:postgres:Database tenant_b: it lies on a server of its own/),
    ]);
  });

  test("secrets come from the outputs of the stack, and the drift of the last refresh is left out", () => {
    const state = { version: 3, deployment: { resources: [schema("a"), { urn: "urn:x", type: "random:index:X" }] } };
    const { resources, faults } = driftState(state, new Map([["a", connection]]), platform);
    expect(faults).toEqual([]);
    expect(resources).toEqual([
      {
        urn: urn("a"),
        type: "tenancy:postgres:Schema",
        id: "tenant_a",
        tenant: "a",
        store: "postgres",
        server: "main",
        name: "tenant_a",
        inputs: {
          tenant: "a",
          server: "main",
          schema: "tenant_a",
          password: "app secret",
          readOnlyPassword: "ro secret",
        },
        outputs: {
          tenant: "a",
          server: "main",
          schema: "tenant_a",
          password: "app secret",
          readOnlyPassword: "ro secret",
          instanceToken: "t",
        },
      },
    ]);
  });

  test("a tenant without outputs is not guessed at, and what waits for its deletion is not asked", () => {
    const resources = [schema("a"), schema("b", { delete: true })];
    const found = driftState({ version: 3, deployment: { resources } }, new Map(), platform);
    expect(found).toEqual({
      resources: [],
      faults: [
        "tenancy:postgres:Schema tenant_a: the stack's outputs do not have its password and readOnlyPassword: " +
          "run `npm run up` to its end first",
      ],
    });
  });
});

const place = (tenant: string, server = "main"): StateResource => ({
  urn: urn(tenant),
  type: "tenancy:postgres:Schema",
  id: tenant,
  tenant,
  store: "postgres",
  server,
  name: `tenant_${tenant}`,
  inputs: {},
  outputs: {},
});

function handlersThat(read: AnyHandler["read"]): ReadonlyMap<string, AnyHandler> {
  const handler = { type: "tenancy:postgres:Schema", read } as unknown as AnyHandler;
  return new Map([[handler.type, handler]]);
}

describe("reading places", () => {
  test("a place that is gone, a sentence without a finding and a warning are all told", async () => {
    const handlers = handlersThat((context, id) => {
      if (id === "gone") return Promise.resolve(undefined);
      if (id === "warned") context.warn("cannot be compared");
      const drift = id === "plain" ? ["something differs"] : [];
      return Promise.resolve({ inputs: { drift }, outputs: {} });
    });
    const { drift, unknown } = await readDrift([place("gone"), place("plain"), place("warned"), place("fine")], {
      handlers,
    });
    expect(
      drift.map(({ tenant, findings }) => [tenant, ...findings.map(({ sentence, mend }) => `${mend}: ${sentence}`)]),
    ).toEqual([
      ["gone", "by hand: tenant_gone is gone"],
      ["plain", "repair: something differs"],
    ]);
    expect(unknown).toEqual(["tenant warned, postgres tenant_warned: cannot be compared"]);
  });

  test("a server that does not answer is given up after three places, and another server is asked all the same", async () => {
    const asked: string[] = [];
    const handlers = handlersThat((_context, id) => {
      asked.push(id);
      return id === "other"
        ? Promise.resolve({ inputs: {}, outputs: {} })
        : Promise.reject(new ProviderError("no answer"));
    });
    const places = Array.from({ length: 20 }, (_, index) => place(`p${index}`));
    const { unknown } = await readDrift([...places, place("other", "second")], { handlers });
    // Eight are under way at once.
    expect(asked.length).toBeLessThanOrEqual(12);
    expect(asked).toContain("other");
    expect(unknown).toHaveLength(20);
    expect(unknown.filter((sentence) => sentence.includes("not asked"))).toHaveLength(20 - (asked.length - 1));
  });

  test("a fault of the program is no finding", async () => {
    const handlers = handlersThat(() => Promise.reject(new TypeError("a bug")));
    await expect(readDrift([place("a")], { handlers })).rejects.toThrow(TypeError);
  });
});

const orphan: Orphan = { store: "redis", server: "main", kind: "ACL user", name: "tenant:old", detail: "may log in" };
const canary: Orphan = {
  ...orphan,
  name: `canary:${newCanaryId(Date.parse("2030-01-01T00:00:00Z"))}`,
};
const empty: DriftReport = { read: 3, drift: [], orphans: [], unknown: [], notes: [] };
const differing: DriftReport = {
  ...empty,
  drift: [
    {
      tenant: "a",
      store: "postgres",
      server: "main",
      place: "tenant_a",
      findings: [
        {
          field: "table t: x",
          is: "1",
          should: "2",
          sentence: "the table t: x is 1, not 2",
          mend: "administrator",
          statements: ["ALTER TABLE …;"],
        },
      ],
    },
  ],
};

describe("the report", () => {
  test.each<[number, DriftReport]>([
    [0, empty],
    [0, { ...empty, orphans: [canary], notes: ["n"] }],
    [1, { ...empty, orphans: [orphan] }],
    [1, differing],
    [1, { ...differing, unknown: ["u"] }],
    [2, { ...empty, unknown: ["u"] }],
  ])("ends with %i", (code, report) => {
    expect(exitCodeOf(report, isCanary)).toBe(code);
  });

  test("tells each thing field by field, who mends it, and canaries apart from orphans", () => {
    expect(textReport({ ...differing, orphans: [orphan, canary], unknown: ["u"] })).toBe(
      [
        "tenant a, postgres on main, tenant_a",
        "  the table t: x is 1, not 2",
        "    table t: x",
        "    is:     1",
        "    should: 2",
        "    an administrator runs:",
        "      ALTER TABLE …;",
        "",
        "orphans: on the servers, and of no known tenant; nothing is ever removed by this tool",
        "  redis on main: ACL user tenant:old",
        "    may log in",
        "      ACL DELUSER tenant:old",
        "      ACL SAVE",
        "",
        "canaries of verification runs: removed by the run, or after their expiry by the next one",
        `  redis on main: ACL user ${canary.name}  until 2030-01-01T00:00:00.000Z`,
        "",
        "not found out:",
        "  u",
        "",
        "drift: 3 places read, 1 thing differs, 1 orphan, 1 not found out",
      ].join("\n"),
    );
    expect(JSON.parse(jsonReport({ ...empty, orphans: [orphan, canary] }))).toMatchObject({
      orphans: [
        { name: "tenant:old", statements: ["ACL DELUSER tenant:old", "ACL SAVE"] },
        { canaryUntil: "2030-01-01T00:00:00.000Z", statements: [] },
      ],
    });
  });
});
