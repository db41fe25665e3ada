import { CreateAccessKeyCommand, DeleteUserPolicyCommand, PutUserPolicyCommand } from "@aws-sdk/client-iam";
import { afterAll, describe, expect, test } from "vitest";
import type { Finding } from "../../../provider/finding.ts";
import type { PrefixInputs, PrefixOutputs } from "../../../provider/inputs.ts";
import { iamFindings, type LiveUser } from "../../../provider/storage/iam-drift.ts";
import { admin, Bucket, closeAll, newContext, newHandler, newTenant } from "./support.ts";

const handler = newHandler();
afterAll(async () => {
  closeAll();
  await handler.close?.();
});

async function created() {
  const inputs = newTenant();
  const { context } = newContext(inputs.tenant);
  const { id, outputs } = await handler.create(context, inputs);
  return { inputs, context, id, outputs };
}

async function look(inputs: PrefixInputs, outputs: PrefixOutputs, id: string) {
  const found: Finding[] = [];
  const told = { ...newContext(inputs.tenant).context, found: (finding: Finding) => found.push(finding) };
  const drift = (await handler.read(told, id, inputs, outputs))?.inputs.drift ?? [];
  expect(found.map(({ sentence }) => sentence)).toEqual(drift);
  return found;
}

const everything = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: ["s3:*"], Resource: [`arn:aws:s3:::${Bucket}/*`] }],
});

const intact: LiveUser = {
  username: "u",
  otherKeys: [],
  key: "active",
  refusal: undefined,
  inlinePolicies: ["tenancy"],
  attachedPolicies: [],
  groups: [],
  policy: "same",
};

describe("drift of an IAM user", () => {
  test("policies and keys that were changed are told field by field and mended", async () => {
    const { inputs, context, id, outputs } = await created();
    const { username: UserName, prefix } = inputs;
    const user = `IAM user ${UserName}`;
    await admin.iam.send(new PutUserPolicyCommand({ UserName, PolicyName: "tenancy", PolicyDocument: everything }));
    await admin.iam.send(new PutUserPolicyCommand({ UserName, PolicyName: "more", PolicyDocument: everything }));
    const made = await admin.iam.send(new CreateAccessKeyCommand({ UserName }));
    expect(await look(inputs, outputs, id)).toEqual([
      {
        field: `${user}: access keys`,
        is: made.AccessKey?.AccessKeyId,
        should: "the state's alone",
        sentence: `${user} has 1 further access keys`,
        mend: "repair",
        statements: [],
      },
      {
        field: `${user}: policies`,
        is: "more",
        should: "tenancy alone",
        sentence: `${user} has further policies: more`,
        mend: "repair",
        statements: [],
      },
      {
        field: `${user}: policy`,
        is: "something else",
        should: "its prefix",
        sentence: `the policy of ${user} allows something else than its prefix`,
        mend: "repair",
        statements: [],
      },
    ]);
    const mended = await handler.update(context, id, outputs, inputs);
    expect(await look(inputs, mended, id)).toEqual([]);
    await admin.iam.send(new DeleteUserPolicyCommand({ UserName, PolicyName: "tenancy" }));
    expect((await look(inputs, mended, id)).map(({ sentence }) => sentence)).toEqual([
      `the policy of ${user} is missing`,
    ]);
    expect(prefix).toBe(`tenants/${inputs.tenant}/`);
  });

  test("a secret that does not work any more is proven by a request and left to a person", async () => {
    const { inputs, id, outputs } = await created();
    const found = await look(inputs, { ...outputs, secretAccessKey: "another secret of the same key" }, id);
    expect(found.map(({ sentence, mend }) => [sentence, mend])).toEqual([
      [`the access key of IAM user ${inputs.username} is refused with the state's secret`, "by hand"],
    ]);
    expect(JSON.stringify(found)).not.toContain("another secret");
  });

  test("a group is told with the call that leaves it", () => {
    const live = { ...intact, groups: ["g"] };
    expect(iamFindings(live, true)).toEqual([
      {
        field: "IAM user u: groups",
        is: "g",
        should: "none",
        sentence: "IAM user u is in the group g",
        mend: "administrator",
        statements: ["aws iam remove-user-from-group --user-name u --group-name g"],
      },
    ]);
  });

  test.each<[string, Partial<LiveUser>, boolean, string[]]>([
    ["nothing of an open user", {}, true, []],
    ["nothing of a closed user", { key: "inactive", policy: "missing", inlinePolicies: [] }, false, []],
    ["nothing of a closed user whose key is refused", { key: "closed", policy: "missing" }, false, []],
    ["an inactive key", { key: "inactive" }, true, ["the access key of IAM user u is inactive"]],
    [
      "a closed user that is open",
      {},
      false,
      ["the access key of IAM user u is active", "the policy of IAM user u is still there"],
    ],
    ["an attached policy", { attachedPolicies: ["arn:x"] }, true, ["IAM user u has further policies: arn:x"]],
    [
      "a missing key before its refusal",
      { key: "missing", refusal: "x" },
      true,
      ["the access key of IAM user u is missing"],
    ],
  ])("%s", (_what, over, open, sentences) => {
    expect(iamFindings({ ...intact, ...over }, open).map(({ sentence }) => sentence)).toEqual(sentences);
  });
});
