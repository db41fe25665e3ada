import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Finding } from "../../../provider/finding.ts";
import type { AclUserOutputs } from "../../../provider/inputs.ts";
import { hashPassword } from "../../../provider/redis/acl-rule.ts";
import { closeAll, connectAdmin, newContext, newHandler, newTenant, nodeAt } from "./support.ts";

const handler = newHandler();
const inputs = newTenant();
const { context } = newContext(inputs.tenant);
const { username, keyPrefix } = inputs;
const nodes = [nodeAt(0), nodeAt(1)].map(({ host, port }) => `${host}:${String(port)}`);
let outputs: AclUserOutputs;
let id: string;

beforeAll(async () => {
  ({ outputs, id } = await handler.create(context, inputs));
});
afterAll(async () => {
  await handler.delete(context, id, { ...outputs, state: "offboarding", backupWaiver: { reason: "test", name: "t" } });
  closeAll();
  await handler.close?.();
});

async function look() {
  const found: Finding[] = [];
  const told = { ...context, found: (finding: Finding) => found.push(finding) };
  const drift = (await handler.read(told, id, inputs, outputs))?.inputs.drift ?? [];
  expect(found.map(({ sentence }) => sentence)).toEqual(drift);
  return found;
}

const other = (field: string) => `user ${username} has other ${field} than its rule gives on Redis node`;
const own = `${keyPrefix}*`;

interface Damage {
  readonly rule: readonly string[];
  /** Begin of each sentence, and what is and should be there, as [field, is, should]. */
  readonly told: readonly (readonly [string, string, string])[];
}
const damages: Record<string, Damage> = {
  "a further command": { rule: ["+config"], told: [["commands", "+config", "without that"]] },
  "a further subcommand": { rule: ["+acl|whoami"], told: [["commands", "+acl|whoami", "without that"]] },
  "a lost command": { rule: ["-publish"], told: [["commands", "-publish", "+publish"]] },
  "every key": { rule: ["~*"], told: [["keys", "~*", `~${own}`]] },
  "keys to read": { rule: ["%R~tenant:*"], told: [["keys", `~${own} %R~tenant:*`, `~${own}`]] },
  "every channel": { rule: ["allchannels"], told: [["channels", "&*", `&${own}`]] },
  "a further password": {
    rule: [`#${hashPassword("stranger")}`],
    told: [["passwords", "2 passwords, one of them the state's", "the state's alone"]],
  },
  "another password": {
    rule: ["resetpass", `#${hashPassword("stranger")}`],
    told: [["passwords", "1 password, none of them the state's", "the state's alone"]],
  },
  "no password": {
    rule: ["nopass"],
    told: [
      ["flags", "nopass on", "on"],
      ["passwords", "0 passwords, none of them the state's", "the state's alone"],
    ],
  },
  "a closed user": { rule: ["off"], told: [["flags", "off", "on"]] },
};

describe("drift of an ACL user", () => {
  test.each(
    Object.entries(damages).flatMap(([name, damage]) =>
      nodes.map((node, index) => [name, node, index, damage] as const),
    ),
  )("%s on %s is told field by field and mended", async (_name, node, index, { rule, told }) => {
    const admin = await connectAdmin(index);
    await admin.call("ACL", "SETUSER", username, ...rule);
    const found = await look();
    await handler.update(context, id, outputs, inputs);
    expect(found.map(({ sentence, field, is, should, mend }) => ({ sentence, field, is, should, mend }))).toEqual(
      told.map(([field, is, should]) => ({
        sentence: `${other(field)} ${node}`,
        field: `ACL user ${username} on Redis node ${node}: ${field}`,
        is,
        should,
        mend: "repair",
      })),
    );
    expect(await look()).toEqual([]);
  });

  test("a user that is missing on one node, and a lost mark, are told and mended", async () => {
    await (await connectAdmin(1)).call("ACL", "DELUSER", username);
    await (await connectAdmin(0)).call("DEL", `tenancy:mark:${username}`);
    expect((await look()).map(({ sentence }) => sentence)).toEqual([
      `the mark tenancy:mark:${username} is missing`,
      `user ${username} is missing on Redis node ${nodes[1] ?? ""}`,
    ]);
    await handler.update(context, id, outputs, inputs);
    expect(await look()).toEqual([]);
  });

  test("another instance's mark is left to a person", async () => {
    const admin = await connectAdmin(0);
    const key = `tenancy:mark:${username}`;
    const mark = String(await admin.call("GET", key));
    await admin.call("SET", key, JSON.stringify({ urn: "urn:other", tenant: inputs.tenant, token: "t" }));
    expect(await look()).toEqual([
      {
        field: `mark ${key}`,
        is: "urn:other",
        should: outputs.markUrn,
        sentence: `user ${username} is marked as another instance's, of urn:other`,
        mend: "by hand",
        statements: [`-- if this stack's state is the right one: npm run tenancy -- adopt ${inputs.tenant}`],
      },
    ]);
    await admin.call("SET", key, mark);
  });
});
