import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { secretPolicy } from "../../../components/aws/policies/secrets.ts";
import { SecretsManagerDelivery } from "../../../components/aws/secret-delivery.ts";
import { secretsManagerSettingsSchema } from "../../../components/aws/secret-settings.ts";
import { registrations, secret, valueOf } from "../../support/mocks.ts";
import { account, asTenant, type Context, region, simulate } from "./simulate.ts";

const administrator = `arn:aws:iam::${account}:role/updates`;
const reader = `arn:aws:iam::${account}:role/tenancy/tenancy-tenant-acme`;
const arn = `arn:aws:secretsmanager:${region}:${account}:secret:tenancy/tenant-acme-AbCdEf`;
const settings = secretsManagerSettingsSchema.parse({
  kind: "secrets-manager",
  region,
  kmsKeyId: "alias/secrets",
  administrators: [administrator],
});

describe("SecretsManagerDelivery", () => {
  const deliver = () =>
    registrations(
      () =>
        new SecretsManagerDelivery("acme", {
          settings,
          tenant: "acme",
          prefix: "tenant",
          connections: { tier: "bridge", redis: { user: "tenant:acme", password: pulumi.secret("planted-password") } },
          readers: [reader],
        }),
      {
        computed: (type) =>
          type === "aws:secretsmanager/secret:Secret"
            ? { arn }
            : type === "aws:secretsmanager/secretVersion:SecretVersion"
              ? { versionId: "v1" }
              : undefined,
      },
    );

  it("registers secret, policy and value, exactly so, and the value as a secret", async () => {
    const { registered, result } = await deliver();
    expect(registered.map(({ type, name, inputs }) => [type, name, inputs]).slice(1)).toEqual([
      [
        "aws:secretsmanager/secret:Secret",
        "acme-secret",
        {
          name: "tenancy/tenant-acme",
          description: "Connections of tenant acme",
          kmsKeyId: "alias/secrets",
          recoveryWindowInDays: 30,
          tags: { tenant: "acme" },
          region,
        },
      ],
      [
        "aws:secretsmanager/secretPolicy:SecretPolicy",
        "acme-secret-policy",
        {
          secretArn: arn,
          blockPublicPolicy: true,
          policy: JSON.stringify(secretPolicy({ readers: [reader], administrators: [administrator] })),
          region,
        },
      ],
      [
        "aws:secretsmanager/secretVersion:SecretVersion",
        "acme-secret-version",
        {
          secretId: arn,
          secretString: secret(
            JSON.stringify({ tier: "bridge", redis: { user: "tenant:acme", password: "planted-password" } }),
          ),
          region,
        },
      ],
    ]);
    expect(await valueOf(result.secretArn)).toBe(arn);
    expect(await valueOf(result.secretName)).toBe("tenancy/tenant-acme");
  });

  it("keeps the password out of every other input", async () => {
    const { registered } = await deliver();
    const others = registered.filter(({ name }) => name !== "acme-secret-version");
    expect(JSON.stringify(others)).not.toContain("planted-password");
  });

  it.each([
    ["recoveryDays", { recoveryDays: 5 }],
    ["namePrefix", { namePrefix: "no-slash" }],
    ["administrators", { administrators: [] }],
  ])("has settings that refuse %s in %o", (field, change) => {
    const parsed = secretsManagerSettingsSchema.safeParse({ ...settings, ...change });
    expect(parsed.error?.issues.map(({ path }) => path[0])).toEqual([field]);
  });
});

describe("the policy of a tenant's secret", () => {
  // Somebody who may do everything by IAM.
  const identity = {
    Version: "2012-10-17",
    Statement: [{ Sid: "All", Effect: "Allow", Action: "*", Resource: "*" }],
  } as const;
  const read = (principal: string, resource: ReturnType<typeof secretPolicy>, context: Context = {}, mighty = false) =>
    simulate(
      { principal, resource, ...(mighty ? { identity } : {}) },
      { action: "secretsmanager:GetSecretValue", on: arn, context: { "aws:PrincipalArn": principal, ...context } },
    );
  const own = secretPolicy({ readers: [reader], administrators: [administrator] });

  it("lets the tenant's role read, and nobody of the account else, administrators of IAM included", async () => {
    expect(await read(reader, own)).toBe("allowed");
    const other = reader.replace("acme", "acme2");
    expect(await read(other, own)).toBe("denied");
    expect(await read(other, own, {}, true)).toBe("denied");
    expect(await read(administrator, own, {}, true)).toBe("allowed");
  });

  it("lets a shared role read with the tenant's tag only", async () => {
    const shared = secretPolicy({ readers: [reader], prefix: "tenants/acme/", administrators: [administrator] });
    expect(await read(reader, shared, asTenant("acme"))).toBe("allowed");
    expect(await read(reader, shared, asTenant("acme2"), true)).toBe("denied");
    expect(await read(reader, shared, {}, true)).toBe("denied");
  });

  it("refuses to name everybody", () => {
    expect(() => secretPolicy({ readers: ["*"], administrators: [administrator] })).toThrow(
      /^reader "\*" is not legal/,
    );
  });
});
