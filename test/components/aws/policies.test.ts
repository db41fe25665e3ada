import { describe, expect, it } from "vitest";
import {
  grantsInstanceArn,
  granteePolicy,
  locationPolicy,
  locationTrust,
} from "../../../components/aws/policies/access-grants.ts";
import { accessPointPolicy, accessPointRolePolicy } from "../../../components/aws/policies/access-point.ts";
import { abacPolicy, sessionTags, taggedTrust } from "../../../components/aws/policies/abac.ts";
import { bucketPolicy, logBucketPolicy } from "../../../components/aws/policies/bucket.ts";
import { policy } from "../../../components/aws/policies/document.ts";
import { keyPolicy } from "../../../components/aws/policies/keys.ts";
import { rolePolicy, roleTrust } from "../../../components/aws/policies/role.ts";
import {
  account,
  acmeKey,
  application,
  asTenant,
  type Attempt,
  bucket,
  bucketOf,
  type Context,
  globexKey,
  kms,
  object,
  overTls,
  platformKey,
  type Policies,
  region,
  scope,
  simulate,
  tenantsRole,
  viaS3,
  withKey,
} from "./simulate.ts";

type Row = readonly [verdict: string, what: string, attempt: Attempt];

const list = (prefix?: string): Context => ({ ...overTls, ...(prefix === undefined ? {} : { "s3:prefix": prefix }) });

/** What holds for every way of access to `tenants/acme/`; `who` are the tags of its session. */
function rows(who: Context, plain: Context = kms): Row[] {
  const tls = { ...overTls, ...who };
  const put = { ...tls, ...plain };
  const inPrefix = (prefix?: string) => ({ ...list(prefix), ...who });
  return [
    ["allowed", "get an object of its own", { action: "s3:GetObject", on: object("tenants/acme/a"), context: tls }],
    ["allowed", "put an object of its own", { action: "s3:PutObject", on: object("tenants/acme/a"), context: put }],
    ["allowed", "delete its own", { action: "s3:DeleteObject", on: object("tenants/acme/a"), context: tls }],
    ["allowed", "list its own prefix", { action: "s3:ListBucket", on: bucketOf(), context: inPrefix("tenants/acme/") }],
    ["allowed", "list below it", { action: "s3:ListBucket", on: bucketOf(), context: inPrefix("tenants/acme/up") }],
    ["not allowed", "get of acme2", { action: "s3:GetObject", on: object("tenants/acme2/a"), context: tls }],
    ["not allowed", "put into acme2", { action: "s3:PutObject", on: object("tenants/acme2/a"), context: put }],
    ["not allowed", "get of globex", { action: "s3:GetObject", on: object("tenants/globex/a"), context: tls }],
    ["not allowed", "get of another profile", { action: "s3:GetObject", on: object("ekns/acme/a"), context: tls }],
    [
      "not allowed",
      "get of a mark",
      { action: "s3:GetObject", on: object(".tenancy/tenants/acme.json"), context: tls },
    ],
    ["not allowed", "list acme2", { action: "s3:ListBucket", on: bucketOf(), context: inPrefix("tenants/acme2/") }],
    [
      "not allowed",
      "list acme without the slash",
      { action: "s3:ListBucket", on: bucketOf(), context: inPrefix("tenants/acme") },
    ],
    ["not allowed", "list all tenants", { action: "s3:ListBucket", on: bucketOf(), context: inPrefix("tenants/") }],
    ["not allowed", "list without a prefix", { action: "s3:ListBucket", on: bucketOf(), context: inPrefix() }],
    ["not allowed", "list with an empty prefix", { action: "s3:ListBucket", on: bucketOf(), context: inPrefix("") }],
    [
      "not allowed",
      "list versions",
      { action: "s3:ListBucketVersions", on: bucketOf(), context: inPrefix("tenants/acme/") },
    ],
    ["not allowed", "list uploads", { action: "s3:ListBucketMultipartUploads", on: bucketOf(), context: tls }],
    [
      "not allowed",
      "get an old version",
      { action: "s3:GetObjectVersion", on: object("tenants/acme/a"), context: tls },
    ],
    [
      "not allowed",
      "delete a version",
      { action: "s3:DeleteObjectVersion", on: object("tenants/acme/a"), context: tls },
    ],
    ["not allowed", "open an object by ACL", { action: "s3:PutObjectAcl", on: object("tenants/acme/a"), context: tls }],
    ["not allowed", "tag an object", { action: "s3:PutObjectTagging", on: object("tenants/acme/a"), context: tls }],
    [
      "not allowed",
      "get of another bucket",
      { action: "s3:GetObject", on: object("tenants/acme/a", "other-bucket"), context: tls },
    ],
    ["not allowed", "read the bucket's policy", { action: "s3:GetBucketPolicy", on: bucketOf(), context: tls }],
    ["not allowed", "set the bucket's policy", { action: "s3:PutBucketPolicy", on: bucketOf(), context: tls }],
    [
      "denied",
      "get without TLS",
      { action: "s3:GetObject", on: object("tenants/acme/a"), context: { ...who, "aws:SecureTransport": "false" } },
    ],
    [
      "denied",
      "get over TLS 1.1",
      { action: "s3:GetObject", on: object("tenants/acme/a"), context: { ...tls, "s3:TlsVersion": "1.1" } },
    ],
    ["denied", "put without encryption", { action: "s3:PutObject", on: object("tenants/acme/a"), context: tls }],
    [
      "denied",
      "put with the service's key",
      {
        action: "s3:PutObject",
        on: object("tenants/acme/a"),
        context: { ...tls, "s3:x-amz-server-side-encryption": "AES256" },
      },
    ],
    [
      "denied",
      "put with another tenant's key",
      { action: "s3:PutObject", on: object("tenants/acme/a"), context: { ...tls, ...withKey(globexKey) } },
    ],
  ];
}

/** Of one who has a key of its own. */
function ownKeyRows(who: Context): Row[] {
  const tls = { ...overTls, ...who };
  const put = (context: Context): Attempt => ({
    action: "s3:PutObject",
    on: object("tenants/acme/a"),
    context: { ...tls, ...context },
  });
  return [
    ["allowed", "put with its key", put(withKey(acmeKey))],
    ["denied", "put with the platform's key", put(withKey(platformKey))],
    ["denied", "put with no key named, so with the bucket's default", put(kms)],
  ];
}

/** Requests to KMS, which S3 makes on the caller's behalf. */
function keyRows(who: Context, key: "own" | "platform"): Row[] {
  const use = (action: string, on: string, prefix: string | undefined, context: Context = viaS3): Attempt => ({
    action: `kms:${action}`,
    on,
    context: { ...who, ...context, ...(prefix === undefined ? {} : { "aws:ResourceTag/tenantPrefix": prefix }) },
  });
  const own = key === "own" ? "allowed" : "not allowed";
  return [
    [own, "encrypt with acme's key", use("GenerateDataKey", acmeKey, "tenants/acme")],
    [own, "decrypt with acme's key", use("Decrypt", acmeKey, "tenants/acme")],
    ["allowed", "decrypt with the platform's key", use("Decrypt", platformKey, undefined)],
    [
      key === "own" ? "not allowed" : "allowed",
      "encrypt with the platform's key",
      use("GenerateDataKey", platformKey, undefined),
    ],
    ["not allowed", "decrypt with globex's key", use("Decrypt", globexKey, "tenants/globex")],
    ["not allowed", "encrypt with globex's key", use("GenerateDataKey", globexKey, "tenants/globex")],
    ["not allowed", "decrypt not through S3", use("Decrypt", platformKey, undefined, {})],
    [
      "not allowed",
      "decrypt through another service",
      use("Decrypt", platformKey, undefined, { "kms:ViaService": `ec2.${region}.amazonaws.com` }),
    ],
    ["not allowed", "open the key to others", use("CreateGrant", platformKey, undefined)],
  ];
}

const resourceOf = (closedPrefixes: readonly string[] = []) =>
  bucketPolicy({ ...scope, keyArn: platformKey, closedPrefixes });
const check = (policies: Policies) => async (expected: string, _what: string, attempt: Attempt) => {
  expect(await simulate(policies, attempt)).toBe(expected);
};

describe("one role with session tags (abac)", () => {
  const policies = { identity: abacPolicy(scope, platformKey), resource: resourceOf() };
  const acme = asTenant("acme");
  it.each(rows(acme))("%s: %s", check(policies));
  it.each(ownKeyRows(asTenant("acme", acmeKey)))("with a key of its own, %s: %s", check(policies));

  const keys = { identity: policies.identity, resource: keyPolicy(scope) };
  it.each(keyRows(acme, "platform"))("%s: %s", check(keys));
  it.each(keyRows(asTenant("acme", acmeKey), "own"))("with a key of its own, %s: %s", check(keys));

  it.each<Row>([
    ["not allowed", "get", { action: "s3:GetObject", on: object("tenants/acme/a"), context: overTls }],
    ["not allowed", "get from the prefix of nobody", { action: "s3:GetObject", on: object("//a"), context: overTls }],
    ["not allowed", "list", { action: "s3:ListBucket", on: bucketOf(), context: list("tenants/acme/") }],
    ["not allowed", "ask where the bucket is", { action: "s3:GetBucketLocation", on: bucketOf(), context: overTls }],
  ])("a session without tags, %s: %s", check(policies));

  it.each<Row>([
    ["not allowed", "decrypt with the platform's key", { action: "kms:Decrypt", on: platformKey, context: viaS3 }],
    ["not allowed", "decrypt with an untagged key", { action: "kms:Decrypt", on: acmeKey, context: viaS3 }],
  ])("a session without tags, %s: %s", check(keys));

  it("closes the live sessions of a suspended tenant, and of no other", async () => {
    const closed = { ...policies, resource: resourceOf(["tenants/acme/"]) };
    for (const [tenant, verdict] of [
      ["acme", "denied"],
      ["acme2", "allowed"],
    ] as const) {
      const context = { ...overTls, ...asTenant(tenant) };
      expect(await simulate(closed, { action: "s3:GetObject", on: object(`tenants/${tenant}/a`), context })).toBe(
        verdict,
      );
    }
  });

  it("has a policy that names no tenant, so that its length is the same for any number", () => {
    expect(JSON.stringify(abacPolicy(scope, platformKey))).not.toMatch(/acme\b(?!-platform)/);
    // Less than half of what IAM allows in a role's inline policies.
    expect(JSON.stringify(abacPolicy(scope, platformKey)).length).toBeLessThan(5_120);
  });
});

describe("the trust of the role that all tenants share", () => {
  const trust = taggedTrust({
    region,
    accountId: account,
    consumers: [application],
    namingPrefixes: ["tenant", "ekn"],
  });
  const assume = (context: Context, principal = application) =>
    simulate({ resource: trust, principal }, { action: "sts:AssumeRole", on: tenantsRole, context });
  const asked = (tenant: string, prefix: string, more: Context = {}): Context => ({
    "aws:RequestTag/tenant": tenant,
    "aws:RequestTag/tenantPrefix": prefix,
    "aws:TagKeys": ["tenant", "tenantPrefix"],
    ...more,
  });

  it.each<[string, string, Context]>([
    ["allowed", "both tags of one tenant", asked("acme", "tenants/acme")],
    ["allowed", "both tags of a tenant of another profile", asked("42", "ekns/42")],
    [
      "allowed",
      "a key of the account",
      asked("acme", "tenants/acme", {
        "aws:RequestTag/kmsKeyArn": acmeKey,
        "aws:TagKeys": ["tenant", "tenantPrefix", "kmsKeyArn"],
      }),
    ],
    ["not allowed", "no tags", {}],
    ["not allowed", "only the id", { "aws:RequestTag/tenant": "acme", "aws:TagKeys": ["tenant"] }],
    [
      "not allowed",
      "only the prefix",
      { "aws:RequestTag/tenantPrefix": "tenants/acme", "aws:TagKeys": ["tenantPrefix"] },
    ],
    ["not allowed", "another tenant's prefix", asked("acme", "tenants/acme2")],
    ["not allowed", "the prefix of all", asked("", "tenants/")],
    ["not allowed", "a prefix above", asked("acme", "tenants")],
    ["not allowed", "a prefix of no profile", asked("acme", ".tenancy/acme")],
    ["not allowed", "a deeper prefix", asked("acme/uploads", "tenants/acme/uploads")],
    [
      "not allowed",
      "a further tag",
      asked("acme", "tenants/acme", { "aws:TagKeys": ["tenant", "tenantPrefix", "admin"] }),
    ],
    [
      "not allowed",
      "a key of another account",
      asked("acme", "tenants/acme", { "aws:RequestTag/kmsKeyArn": acmeKey.replace(account, "210987654321") }),
    ],
    [
      "not allowed",
      "other tags from within a tenant's session",
      { ...asked("globex", "tenants/globex"), ...asTenant("acme") },
    ],
  ])("%s with %s", async (expected, _what, context) => {
    expect(await assume(context)).toBe(expected);
  });

  it("lets nobody else in", async () => {
    const other = `arn:aws:iam::${account}:role/other`;
    expect(await assume(asked("acme", "tenants/acme"), other)).toBe("not allowed");
  });

  it("gives tags that it accepts itself", async () => {
    const { tenant, tenantPrefix } = sessionTags("acme", "tenants/acme/");
    expect(await assume(asked(tenant, tenantPrefix))).toBe("allowed");
    expect(sessionTags("acme", "tenants/acme/", acmeKey)).toEqual({
      tenant: "acme",
      tenantPrefix: "tenants/acme",
      kmsKeyArn: acmeKey,
    });
  });

  it("is refused when it would be longer than IAM takes", () => {
    const consumers = Array.from({ length: 40 }, (_, index) => `arn:aws:iam::${account}:role/application-${index}`);
    expect(() => taggedTrust({ region, accountId: account, consumers, namingPrefixes: ["tenant"] })).toThrow(
      /IAM allows 2048/,
    );
  });
});

describe("a role a tenant", () => {
  // The role carries the tags that the bucket's policy looks at.
  const args = { ...scope, prefix: "tenants/acme/", keyArn: platformKey, open: true };
  const acme = asTenant("acme");
  const policies = { identity: rolePolicy(args), resource: resourceOf() };
  it.each(rows(acme))("%s: %s", check(policies));
  it.each(keyRows(acme, "platform"))("%s: %s", check({ ...policies, resource: keyPolicy(scope) }));

  const owner = asTenant("acme", acmeKey);
  const ownKey = { identity: rolePolicy({ ...args, ownKeyArn: acmeKey }), resource: resourceOf() };
  it.each(ownKeyRows(owner))("with a key of its own, %s: %s", check(ownKey));
  it.each(keyRows(owner, "own"))("with a key of its own, %s: %s", check({ ...ownKey, resource: keyPolicy(scope) }));

  it("is closed for live sessions, too", async () => {
    const closed = { identity: rolePolicy({ ...args, open: false }), resource: resourceOf() };
    const context = { ...overTls, ...acme };
    expect(await simulate(closed, { action: "s3:GetObject", on: object("tenants/acme/a"), context })).toBe("denied");
  });

  it.each<[string, string, string, Context, string]>([
    ["allowed", "the application", "sts:AssumeRole", {}, application],
    ["not allowed", "somebody else", "sts:AssumeRole", {}, `arn:aws:iam::${account}:role/other`],
    ["not allowed", "a session of another tenant", "sts:AssumeRole", asTenant("globex"), application],
    [
      "not allowed",
      "the application with tags of its own choice",
      "sts:TagSession",
      { "aws:RequestTag/kmsKeyArn": globexKey },
      application,
    ],
  ])("is %s for %s", async (expected, _what, action, context, principal) => {
    expect(
      await simulate({ resource: roleTrust([application]), principal }, { action, on: tenantsRole, context }),
    ).toBe(expected);
  });
});

describe("an access point a tenant", () => {
  const point = `arn:aws:s3:${region}:${account}:accesspoint/tenant-acme`;
  const through = (attempt: Attempt): Attempt => ({
    ...attempt,
    on: attempt.on === bucketOf() ? point : attempt.on.replace(`${bucketOf()}/`, `${point}/object/`),
  });
  const args = {
    region,
    accountId: account,
    name: "tenant-acme",
    prefix: "tenants/acme/",
    roleArn: tenantsRole,
    open: true,
  };
  const identity = accessPointRolePolicy(scope, platformKey);
  const atPoint = { identity, resource: accessPointPolicy(args), principal: tenantsRole };
  const atBucket = {
    identity,
    resource: bucketPolicy({ ...scope, keyArn: platformKey, accessPointRoleArn: tenantsRole }),
    principal: tenantsRole,
  };
  const acme = asTenant("acme");

  // The simulator knows the key at access points only, and S3 sends it to the bucket's policy, too: there it stands
  // under the name of one that is known everywhere.
  const known = <T>(value: T): T =>
    JSON.parse(JSON.stringify(value).replaceAll("s3:DataAccessPointAccount", "aws:SourceAccount")) as T;

  /** A request has to pass the access point's policy and the bucket's. */
  async function both(attempt: Attempt): Promise<string> {
    const context = { ...attempt.context, "s3:DataAccessPointAccount": account };
    const answers = [
      await simulate(atPoint, through(attempt)),
      await simulate({ ...atBucket, resource: known(atBucket.resource) }, known({ ...attempt, context })),
    ];
    return answers.find((answer) => answer === "denied") ?? answers.find((answer) => answer !== "allowed") ?? "allowed";
  }
  // What is asked of the bucket and of no access point, or of another bucket, does not come this way.
  const elsewhere = new Set([
    "get of another bucket",
    "list uploads",
    "read the bucket's policy",
    "set the bucket's policy",
  ]);
  it.each(rows(acme).filter(([, what]) => !elsewhere.has(what)))("%s: %s", async (expected, _what, attempt) => {
    expect(await both(attempt)).toBe(expected);
  });
  it.each(keyRows(acme, "platform"))("%s: %s", check({ identity, resource: keyPolicy(scope) }));

  it("is the only way in: the bucket itself refuses the role", async () => {
    const context = { ...overTls, ...acme };
    expect(await simulate(atBucket, { action: "s3:GetObject", on: object("tenants/acme/a"), context })).toBe(
      "not allowed",
    );
  });

  it("refuses the session of another tenant, and one without tags", async () => {
    for (const who of [asTenant("acme2"), asTenant("globex"), {}] as const) {
      const attempt = { action: "s3:GetObject", on: object("tenants/acme/a"), context: { ...overTls, ...who } };
      expect(await both(attempt)).toBe("not allowed");
    }
  });

  it("is closed for a suspended tenant", async () => {
    const closed = { ...atPoint, resource: accessPointPolicy({ ...args, open: false }) };
    const context = { ...overTls, ...acme };
    expect(await simulate(closed, through({ action: "s3:GetObject", on: object("tenants/acme/a"), context }))).toBe(
      "denied",
    );
  });
});

describe("access grants", () => {
  const vended = { "s3:AccessGrantsInstanceArn": grantsInstanceArn(scope), "aws:ResourceAccount": account };
  const identity = locationPolicy(scope, platformKey);
  // S3 limits the session that it gives for the grant of tenants/acme/* like this.
  const grant = policy(
    { Sid: "Objects", Effect: "Allow", Action: "s3:*", Resource: object("tenants/acme/*") },
    {
      Sid: "List",
      Effect: "Allow",
      Action: "s3:ListBucket",
      Resource: bucketOf(),
      Condition: { StringLike: { "s3:prefix": "tenants/acme/*" } },
    },
    { Sid: "Keys", Effect: "Allow", Action: "kms:*", Resource: "*" },
  );
  const policies = { identity, resource: resourceOf(), session: grant };
  it.each(rows(vended))("%s: %s", check(policies));
  it.each(keyRows({}, "platform"))("%s: %s", check({ ...policies, resource: keyPolicy(scope) }));

  it("gives nothing to the location's role when S3 has not taken it on for a grant", async () => {
    const attempt = { action: "s3:GetObject", on: object("tenants/acme/a"), context: overTls };
    expect(await simulate({ identity, resource: resourceOf() }, attempt)).toBe("not allowed");
  });

  it("lets S3 take the location's role on, for this account's instance only", async () => {
    const trust = locationTrust(scope);
    const assume = (source: string, from: string) =>
      simulate(
        { resource: trust, principal: "access-grants.s3.amazonaws.com" },
        { action: "sts:AssumeRole", on: tenantsRole, context: { "aws:SourceArn": source, "aws:SourceAccount": from } },
      );
    expect(await assume(grantsInstanceArn(scope), account)).toBe("allowed");
    expect(await assume(grantsInstanceArn({ ...scope, accountId: "210987654321" }), "210987654321")).toBe(
      "not allowed",
    );
  });

  it.each<Row>([
    ["allowed", "ask for a session", { action: "s3:GetDataAccess", on: grantsInstanceArn(scope), context: overTls }],
    ["not allowed", "get an object itself", { action: "s3:GetObject", on: object("tenants/acme/a"), context: overTls }],
    [
      "not allowed",
      "list the grants",
      { action: "s3:ListAccessGrants", on: grantsInstanceArn(scope), context: overTls },
    ],
  ])("a tenant's role, %s: %s", check({ identity: granteePolicy(scope, true) }));

  it("refuses sessions to a suspended tenant", async () => {
    const attempt = { action: "s3:GetDataAccess", on: grantsInstanceArn(scope), context: overTls };
    expect(await simulate({ identity: granteePolicy(scope, false) }, attempt)).toBe("denied");
  });
});

describe("the bucket's own policy", () => {
  const everything = policy({ Sid: "All", Effect: "Allow", Action: "*", Resource: "*" });
  const admin = { identity: everything, resource: resourceOf(["tenants/acme/"]) };

  it.each<Row>([
    [
      "allowed",
      "put of a mark, encrypted",
      { action: "s3:PutObject", on: object(".tenancy/tenants/acme.json"), context: { ...overTls, ...kms } },
    ],
    [
      "allowed",
      "delete of a version",
      { action: "s3:DeleteObjectVersion", on: object("tenants/acme/a"), context: overTls },
    ],
    ["denied", "put without encryption", { action: "s3:PutObject", on: object("tenants/acme/a"), context: overTls }],
    [
      "denied",
      "get without TLS",
      { action: "s3:GetObject", on: object("tenants/acme/a"), context: { "aws:SecureTransport": "false" } },
    ],
    [
      "denied",
      "put with a key of somebody",
      { action: "s3:PutObject", on: object("tenants/acme/a"), context: { ...overTls, ...withKey(globexKey) } },
    ],
  ])("for the platform's administrator, %s: %s", check(admin));

  it("gives nobody anything by itself", async () => {
    const context = { ...overTls, ...asTenant("acme") };
    expect(
      await simulate({ resource: resourceOf() }, { action: "s3:GetObject", on: object("tenants/acme/a"), context }),
    ).toBe("not allowed");
  });

  it("is refused when the closed tenants would make it longer than S3 takes, with what to do", () => {
    const closed = Array.from({ length: 1_500 }, (_, index) => `tenants/tenant-${index}/`);
    expect(() => resourceOf(closed)).toThrow(
      /1500 suspended or offboarding tenants; S3 allows 20480\. Let offboarding/,
    );
  });

  it("of the logs takes them from S3 for this bucket only, over TLS", async () => {
    const logBucket = `${bucket}-logs`;
    const logs = { resource: logBucketPolicy({ ...scope, logBucket }), principal: "logging.s3.amazonaws.com" };
    const put = (source: string, from = account) =>
      simulate(logs, {
        action: "s3:PutObject",
        on: object("s3/log", logBucket),
        context: { ...overTls, "aws:SourceArn": source, "aws:SourceAccount": from },
      });
    expect(await put(bucketOf())).toBe("allowed");
    expect(await put(bucketOf("other"))).toBe("not allowed");
    expect(await put(bucketOf(), "210987654321")).toBe("not allowed");
  });
});

describe("names in policies", () => {
  it.each([
    "tenants/*/",
    "tenants/acme",
    "tenants/${aws:PrincipalTag/tenant}/",
    "/",
    "",
    "tenants/ACME/",
    'tenants/a"/',
  ])("refuse the prefix %s", (prefix) => {
    expect(() => rolePolicy({ ...scope, prefix, keyArn: platformKey, open: true })).toThrow(
      /prefix .* is not legal in a policy/,
    );
    expect(() => sessionTags("acme", prefix)).toThrow(/is not legal in a policy/);
  });
  it.each([
    ["bucket", { bucket: "*" }],
    ["bucket", { bucket: "a/b" }],
    ["account", { accountId: "*" }],
    ["region", { region: "eu-central-1.evil.example" }],
  ])("refuse the %s of %o", (what, change) => {
    expect(() => rolePolicy({ ...scope, ...change, prefix: "tenants/acme/", keyArn: platformKey, open: true })).toThrow(
      new RegExp(`^${what} .* is not legal in a policy`),
    );
  });
  it("refuse a consumer that is everybody", () => {
    expect(() => roleTrust(["*"])).toThrow(/^consumer "\*" is not legal/);
  });
  it("are of the partition of their region", () => {
    const china = rolePolicy({
      bucket,
      region: "cn-north-1",
      accountId: account,
      prefix: "tenants/acme/",
      keyArn: platformKey,
      open: true,
    });
    expect(JSON.stringify(china)).toContain(`arn:aws-cn:s3:::${bucket}/tenants/acme/*`);
    expect(JSON.stringify(china)).toContain("s3.cn-north-1.amazonaws.com.cn");
  });
});
