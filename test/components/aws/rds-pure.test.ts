import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { awsName } from "../../../components/naming.ts";
import { backupWindow, windowsMeet } from "../../../components/aws/backup-window.ts";
import {
  accountOf,
  ingressRules,
  loginArn,
  loginPolicy,
  proxyTrust,
  secretsPolicy,
} from "../../../components/aws/rds-access.ts";
import { memberName, rdsNames, rdsTags } from "../../../components/aws/rds-names.ts";
import { parameterFamily, rdsParameters } from "../../../components/aws/rds-parameters.ts";

describe("backup window", () => {
  it.each([
    ["0 2 * * *", "02:00-02:30"],
    ["45 23 * * *", "23:45-00:15"],
    ["  5   4 * * *", "04:05-04:35"],
  ])("is half an hour from the time of %s", (cron, window) => {
    expect(backupWindow(cron)).toBe(window);
  });

  it.each([
    "*/15 2 * * *",
    "0 2 * * 0",
    "0 2 1 * *",
    "0 2 * 1 *",
    "0 2,14 * * *",
    "0 * * * *",
    "60 2 * * *",
    "0 24 * * *",
    "0 0 2 * * *",
    "0 2 * *",
    "@daily",
    "",
  ])("is not made of %j, which is no single time of each day", (cron) => {
    expect(backupWindow(cron)).toBeUndefined();
  });

  it("has the form that Amazon RDS takes and begins at the cron line's time, for every minute of a day", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 23 }), (minute, hour) => {
        const window = backupWindow(`${minute} ${hour} * * *`) ?? "";
        expect(window).toMatch(/^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/);
        const [from = 0, to = 0] = window
          .split("-")
          .map((time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3)));
        expect(from).toBe(hour * 60 + minute);
        expect((to - from + 1440) % 1440).toBe(30);
      }),
    );
  });

  it.each([
    ["04:00-04:30", "sun:04:00-sun:05:00", true],
    ["03:45-04:15", "sun:04:00-sun:05:00", true],
    ["03:30-04:00", "sun:04:00-sun:05:00", false],
    ["05:00-05:30", "sun:04:00-sun:05:00", false],
    ["23:45-00:15", "mon:00:00-mon:00:30", true],
    ["00:00-00:30", "sun:23:45-mon:00:15", true],
    ["00:15-00:45", "sun:23:45-mon:00:15", false],
    ["12:00-12:30", "sun:23:00-tue:01:00", true],
  ])("%s and %s meet: %s", (daily, weekly, meet) => {
    expect(windowsMeet(daily, weekly)).toBe(meet);
  });

  it("meets a weekly window exactly where they share a minute of the week", () => {
    const days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    const clock = (minute: number) =>
      `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
    const at = (minute: number) => `${days[Math.floor(minute / 1440) % 7] ?? ""}:${clock(minute % 1440)}`;
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1439 }),
        fc.integer({ min: 0, max: 10_079 }),
        fc.integer({ min: 30, max: 1440 }),
        (begin, start, length) => {
          const shared = Array.from({ length }, (_, offset) => (start + offset) % 1440).some(
            (minute) => (minute - begin + 1440) % 1440 < 30,
          );
          const daily = `${clock(begin)}-${clock((begin + 30) % 1440)}`;
          expect(windowsMeet(daily, `${at(start)}-${at((start + length) % 10_080)}`)).toBe(shared);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("parameters", () => {
  it("force TLS 1.2 and SCRAM, and keep statements and their parameters out of the log", () => {
    expect(Object.fromEntries(rdsParameters().map(({ name, value }) => [name, value]))).toEqual({
      "rds.force_ssl": "1",
      ssl_min_protocol_version: "TLSv1.2",
      password_encryption: "scram-sha-256",
      "rds.accepted_password_auth_method": "scram",
      log_statement: "none",
      log_min_duration_statement: "-1",
      log_min_error_statement: "panic",
      log_parameter_max_length: "0",
      log_parameter_max_length_on_error: "0",
    });
    expect(new Set(rdsParameters().map(({ applyMethod }) => applyMethod))).toEqual(new Set(["pending-reboot"]));
  });

  it("belong to the family of the major version", () => {
    expect(parameterFamily("postgres", "18")).toBe("postgres18");
    expect(parameterFamily("aurora-postgresql", "17.4")).toBe("aurora-postgresql17");
  });
});

describe("names", () => {
  it("are the tenant's, with the final snapshot's beside it", () => {
    expect(rdsNames("oikion", "org-123")).toEqual({
      identifier: "oikion-org-123",
      finalSnapshot: "oikion-org-123-final",
      keyAlias: "alias/tenancy/oikion-org-123",
    });
    expect(rdsTags("oikion", "org-123")).toEqual({ "tenancy:tenant": "org-123", "tenancy:prefix": "oikion" });
  });

  it("give an Aurora cluster's instance no name that another tenant's instance has", () => {
    const id = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/);
    const prefix = fc
      .stringMatching(/^[a-z]{3,8}(_[a-z]{1,7})?$/)
      .filter((text) => !/^(pg_|kube|system|tenancy|canary)/.test(text));
    fc.assert(
      fc.property(prefix, id, id, fc.integer({ min: 1, max: 16 }), (of, one, other, index) => {
        const member = memberName(of, one, index);
        expect(member).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)+$/);
        expect(member.length).toBeLessThanOrEqual(63);
        expect(member).not.toBe(awsName(of, other, 63));
        expect(member).not.toBe(memberName(of, one, index + 1));
        expect(rdsNames(of, one).finalSnapshot).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)+$/);
      }),
      { numRuns: 1000 },
    );
    expect(memberName("tenant", "acme", 1)).not.toBe(awsName("tenant", "acme-1", 63));
  });
});

describe("access", () => {
  it("lets security groups in and no range of addresses", () => {
    expect(ingressRules(["sg-1"], ["sg-2"])).toEqual([
      {
        description: "PostgreSQL from the applications",
        protocol: "tcp",
        fromPort: 5432,
        toPort: 5432,
        securityGroups: ["sg-1"],
      },
      {
        description: "PostgreSQL from the machines that run updates",
        protocol: "tcp",
        fromPort: 5432,
        toPort: 5432,
        securityGroups: ["sg-2"],
      },
    ]);
    expect(ingressRules(["sg-1"], [])).toHaveLength(1);
    expect(JSON.stringify(ingressRules(["sg-1"], ["sg-2"]))).not.toMatch(/cidr|0\.0\.0\.0|::/i);
  });

  it("lets a proxy read its tenant's secrets by its key through Secrets Manager, and nothing else", () => {
    expect(JSON.parse(secretsPolicy(["arn:s1", "arn:s2"], "eu-central-1", "arn:key"))).toEqual({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Action: "secretsmanager:GetSecretValue", Resource: ["arn:s1", "arn:s2"] },
        {
          Effect: "Allow",
          Action: "kms:Decrypt",
          Resource: "arn:key",
          Condition: { StringEquals: { "kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com" } },
        },
      ],
    });
    expect(secretsPolicy(["arn:s1"], "eu-central-1", undefined)).not.toContain("kms");
    expect(secretsPolicy(["arn:s1"], "cn-north-1", "arn:key")).toContain("secretsmanager.cn-north-1.amazonaws.com.cn");
  });

  it("lets RDS take the proxy's role for this account only", () => {
    expect(JSON.parse(proxyTrust("123456789012"))).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Service: "rds.amazonaws.com" },
          Action: "sts:AssumeRole",
          Condition: { StringEquals: { "aws:SourceAccount": "123456789012" } },
        },
      ],
    });
  });

  it("names a login as IAM does, by a resource id that no second server has", () => {
    const arn = loginArn("arn:aws:rds:eu-central-1:123456789012:db:tenant-acme", "db-ABC", "tenant_acme_app");
    expect(arn).toBe("arn:aws:rds-db:eu-central-1:123456789012:dbuser:db-ABC/tenant_acme_app");
    expect(accountOf(arn)).toBe("123456789012");
    expect(JSON.parse(loginPolicy([arn]))).toEqual({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "rds-db:connect", Resource: [arn] }],
    });
  });
});
