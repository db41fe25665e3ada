import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPrefix, isSamePolicy, isUsername, prefixPolicy } from "../../../provider/storage/iam-policy.ts";

const scope = { bucket: "tenants", prefix: "ekns/42/", region: "us-east-1", amazon: false };

describe("the IAM policy", () => {
  it("allows objects under the prefix, its listing and the bucket's location, on Amazon all over TLS only", () => {
    const tls = { Bool: { "aws:SecureTransport": ["true"] } };
    expect(prefixPolicy({ ...scope, amazon: true })).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "Objects",
          Effect: "Allow",
          Action: [
            "s3:GetObject",
            "s3:PutObject",
            "s3:DeleteObject",
            "s3:AbortMultipartUpload",
            "s3:ListMultipartUploadParts",
          ],
          Resource: ["arn:aws:s3:::tenants/ekns/42/*"],
          Condition: tls,
        },
        {
          Sid: "List",
          Effect: "Allow",
          Action: ["s3:ListBucket"],
          Resource: ["arn:aws:s3:::tenants"],
          Condition: { ...tls, StringLike: { "s3:prefix": ["ekns/42/", "ekns/42/*"] } },
        },
        {
          Sid: "Location",
          Effect: "Allow",
          Action: ["s3:GetBucketLocation"],
          Resource: ["arn:aws:s3:::tenants"],
          Condition: tls,
        },
      ],
    });
  });

  it("has elsewhere neither the condition nor the action that such servers do not know, and keeps the listing's prefix", () => {
    const [objects, list, location] = prefixPolicy(scope).Statement;
    expect(objects?.Action).toEqual(["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]);
    expect(objects).not.toHaveProperty("Condition");
    expect(list?.Condition).toEqual({ StringLike: { "s3:prefix": ["ekns/42/", "ekns/42/*"] } });
    expect(location).not.toHaveProperty("Condition");
  });

  it("names the partition of the region", () => {
    const text = JSON.stringify(prefixPolicy({ ...scope, region: "cn-north-1", amazon: true }));
    expect(text).toContain("arn:aws-cn:s3:::tenants/ekns/42/*");
    expect(text).not.toContain("arn:aws:");
  });

  it("refuses every prefix that is not exactly <name>s/<id>/", () => {
    for (const hostile of [
      "",
      "/",
      "*",
      "tenants/",
      "tenants/acme",
      "tenants/acme*/",
      "tenants/${aws:username}/",
      "tenants/../x/",
      "/tenants/acme/",
      "tenants/acme//",
      "tenants/acme/x/",
      "tenants/acme/\n",
      ".tenancy/acme/",
      'tenants/a"b/',
    ]) {
      expect(isPrefix(hostile), JSON.stringify(hostile)).toBe(false);
      expect(() => prefixPolicy({ ...scope, prefix: hostile })).toThrow("is not legal");
    }
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.string({ maxLength: 10_000 })), (prefix) => {
        fc.pre(!isPrefix(prefix));
        expect(() => prefixPolicy({ ...scope, prefix })).toThrow("is not legal");
        expect(() => prefixPolicy({ ...scope, bucket: `${prefix}*` })).toThrow("no legal name");
      }),
    );
  });

  it("has no wildcard but the one after the closing slash, for every legal id", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/), (id) => {
        const text = JSON.stringify(prefixPolicy({ ...scope, prefix: `tenants/${id}/` }));
        expect(text.match(/.{0,3}[*?$]/g)?.every((part) => part.endsWith("/*"))).toBe(true);
        expect(text.match(/[*?$]/g)).toHaveLength(2);
      }),
    );
  });

  it("is the same when a server reorders it, collapses lists or encodes it, and not when it allows more", () => {
    const policy = prefixPolicy(scope);
    const reordered = {
      Statement: policy.Statement.toReversed().map((statement) => ({
        ...statement,
        Action: statement.Action.length === 1 ? statement.Action[0] : statement.Action.toReversed(),
        Resource: statement.Resource[0],
      })),
      Version: policy.Version,
    };
    expect(isSamePolicy(JSON.stringify(reordered), policy)).toBe(true);
    expect(isSamePolicy(encodeURIComponent(JSON.stringify(policy)), policy)).toBe(true);
    const [objects, ...others] = policy.Statement;
    const wider = { ...policy, Statement: [{ ...objects, Resource: ["arn:aws:s3:::tenants/*"] }, ...others] };
    expect(isSamePolicy(JSON.stringify(wider), policy)).toBe(false);
    const [list, location] = others;
    const unconditional = { ...policy, Statement: [objects, { ...list, Condition: undefined }, location] };
    expect(isSamePolicy(JSON.stringify(unconditional), policy)).toBe(false);
    expect(isSamePolicy("not json", policy)).toBe(false);
  });
});

describe("the IAM user's name", () => {
  it("has at most 64 characters of IAM's alphabet", () => {
    expect(isUsername("ekn.42")).toBe(true);
    for (const bad of ["", "a".repeat(65), "a b", "a/b", "a*", "a\n"]) expect(isUsername(bad), bad).toBe(false);
  });
});
