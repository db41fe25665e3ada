import { type Cases, given, provider, roster, unknownText } from "./case.ts";

const placed = roster({ acme: { placement: { postgres: "main", storage: "main" } } });
const database = (id: string, region: string) =>
  given("aws:rds/instance:Instance", `${id}-db`, {}, { tenant: id, region });

export const residency: Cases = {
  "tenancy-server-in-region": {
    pass: {
      resources: [
        provider({ postgres: { main: {} }, storage: { main: { kind: "aws", region: "frankfurt" } } }),
        placed,
      ],
      settings: { aliases: { frankfurt: "eu-central-1" } },
      says: [],
    },
    fail: {
      resources: [
        provider({
          postgres: { main: { region: "eu-central-1" } },
          storage: { main: { kind: "aws", region: "us-east-1" } },
        }),
        placed,
      ],
      says: ['tenant acme: its storage server main lies in "us-east-1" and not in "eu-central-1"'],
    },
    unknown: {
      resources: [given("pulumi:providers:tenancy", "platform", { config: unknownText }), placed],
      says: ["undecided: the platform's configuration is not known before the update, which checks it again"],
    },
  },
  "tenancy-aws-in-region": {
    pass: {
      resources: [
        roster({ acme: {} }),
        database("acme", "eu-central-1"),
        given("aws:iam/role:Role", "acme-role", {}, { tenant: "acme", region: "us-east-1" }),
      ],
      says: [],
    },
    fail: {
      resources: [
        roster({ acme: {}, globex: { region: "us-east-1" } }),
        database("acme", "us-east-1"),
        given("aws:kms/key:Key", "globex-key", { region: "eu-west-1" }, { tenant: "globex", region: "us-east-1" }),
      ],
      says: [
        'tenant globex: Key globex-key lies in "eu-west-1" and not in "us-east-1"',
        'tenant acme: Instance acme-db lies in "us-east-1" and not in "eu-central-1"',
      ],
    },
    unknown: {
      resources: [
        roster({ acme: {} }),
        given("aws:kms/key:Key", "acme-key", { region: unknownText }, { tenant: "acme" }),
      ],
      says: ["undecided: tenant acme: Key acme-key: region is not known before the update, which checks it again"],
    },
  },
};
