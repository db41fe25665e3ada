import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { platformSchema } from "../../../provider/config.ts";
import { unknownValue } from "../../../provider/handler.ts";
import type { BoltServer } from "../../support/bolt-server.ts";
import type { EnterpriseTable } from "./enterprise-table.ts";
import { newContext, startTable, type Target, waiver } from "./support.ts";

let target: Target & { readonly table: EnterpriseTable; readonly bolt: BoltServer };
beforeAll(async () => {
  target = await startTable();
});
afterAll(() => target.close());

describe("check", () => {
  it("tells every fault at once and never the password", async () => {
    const handler = target.handler();
    const news = {
      ...target.tenant(),
      server: "nowhere",
      database: "ekn_42",
      role: "a-b",
      username: "x`y",
      password: "short",
    };
    const failures = await handler.check(newContext(news.tenant).context, undefined, news);
    expect(failures.map(({ property }) => property)).toEqual(["server", "database", "role", "username", "password"]);
    expect(JSON.stringify(failures)).not.toContain('"short"');
    await handler.close?.();
  });

  it("lets unknowns of a preview pass, and asks the server although the password is not known yet", async () => {
    const handler = target.handler();
    const news = target.tenant({ password: unknownValue });
    target.table.edition = "community";
    expect(await handler.check(newContext(news.tenant).context, undefined, news)).toHaveLength(1);
    expect(await handler.check(newContext(news.tenant).context, undefined, { ...news, server: unknownValue })).toEqual(
      [],
    );
    target.table.edition = "enterprise";
    await handler.close?.();
  });

  it("knows uri and login of a new tenant in a preview", () => {
    const handler = target.handler();
    const inputs = target.tenant();
    expect(handler.preview?.(inputs)).toEqual({
      ...inputs,
      uri: target.server.uri,
      loginDatabase: inputs.database,
      loginUser: inputs.username,
    });
  });

  it("never deletes what is no tenant's", async () => {
    const handler = target.handler();
    const inputs = { ...target.tenant(), database: "system", state: "offboarding" as const, backupWaiver: waiver };
    const outputs = { ...inputs, uri: "", loginDatabase: "", loginUser: "", markUrn: "u", instanceToken: "t" };
    await expect(handler.delete(newContext(inputs.tenant).context, "x", outputs)).rejects.toThrow("nothing is deleted");
    await handler.close?.();
  });
});

describe("the platform's configuration", () => {
  const parse = (uri: string) =>
    platformSchema.safeParse({ neo4j: { main: { kind: "server", uri, user: "neo4j", password: "planted" } } });

  it.each(["bolt+s://db.example:7687", "neo4j+s://db.example", "bolt+s://10.0.0.1:7687", "neo4j+s://[::1]:7687"])(
    "takes %s",
    (uri) => {
      expect(parse(uri).success).toBe(true);
    },
  );

  it.each([
    "bolt://db.example:7687",
    "neo4j://db.example",
    "bolt+ssc://db.example",
    "neo4j+ssc://db.example",
    "https://db.example",
    "bolt+s://user:pass@db.example",
    "bolt+s://db.example/path",
  ])("refuses %s and says why", (uri) => {
    const issues = parse(uri).error?.issues ?? [];
    expect(issues.map(({ path, message }) => [path.join("."), message])).toEqual([
      ["neo4j.main.uri", expect.stringContaining("TLS with a verified certificate") as unknown],
    ]);
  });
});
