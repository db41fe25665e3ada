import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { type RdsServer, rdsServerSchema } from "../../../components/aws/rds-config.ts";
import { fixedOnRds, gibibytes, planRds, type RdsSettings } from "../../../components/aws/rds-plan.ts";
import { entry, settings } from "./rds-fixture.ts";

const server = rdsServerSchema.parse(entry);
const aurora: RdsServer = { ...server, engine: "aurora-postgresql", engineVersion: "17" };
const plan = (changed: Partial<RdsSettings>, on: RdsServer = server) =>
  planRds("tenant acme", { ...settings, ...changed }, on);

describe("the platform's entry", () => {
  it("is complete with what it has to say, and safe in what it leaves out", () => {
    expect(server).toEqual({
      ...entry,
      runnerSecurityGroupIds: [],
      engine: "postgres",
      proxy: false,
      iamLogins: false,
      caCertificate: "rds-ca-rsa2048-g1",
      maintenanceWindow: "sun:04:00-sun:05:00",
      changes: "immediately",
    });
  });

  it("stands among the other kinds of servers", () => {
    const kinds = z.discriminatedUnion("kind", [z.strictObject({ kind: z.literal("server") }), rdsServerSchema]);
    expect(kinds.parse(entry)).toEqual(server);
    expect(kinds.safeParse({ ...entry, serverless: { minCapacity: 1, maxCapacity: 2 } }).success).toBe(false);
  });

  it.each([
    [{ subnetIds: ["subnet-0123456789abcdef0"] }, "subnetIds"],
    [{ subnetIds: ["subnet-0123456789abcdef0", "subnet-0123456789abcdef0"] }, "subnetIds"],
    [{ applicationSecurityGroupIds: [] }, "applicationSecurityGroupIds"],
    [{ applicationSecurityGroupIds: ["0.0.0.0/0"] }, "applicationSecurityGroupIds.0"],
    [{ engineVersion: "15" }, "engineVersion"],
    [{ engineVersion: "18.1.2" }, "engineVersion"],
    [{ defaultInstanceClass: "t4g.medium" }, "defaultInstanceClass"],
    [{ region: "EU" }, "region"],
    [{ maxStorageGiB: 10 }, "maxStorageGiB"],
    [{ defaultInstanceClass: "db.serverless", engine: "aurora-postgresql" }, "serverless"],
    [{ serverless: { minCapacity: 1, maxCapacity: 2 } }, "serverless"],
    [{ engine: "aurora-postgresql", serverless: { minCapacity: 4, maxCapacity: 2 } }, "serverless"],
    [{ engine: "aurora-postgresql", maxStorageGiB: 100 }, "maxStorageGiB"],
    [{ publiclyAccessible: true }, ""],
  ])("refuses %j at %s", (change, path) => {
    const parsed = rdsServerSchema.safeParse({ ...entry, ...change });
    expect(parsed.error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
  });
});

describe("planRds", () => {
  it("means a Multi-AZ instance of the entry's class with the window of the cron line", () => {
    expect(plan({})).toEqual({
      instanceClass: "db.t4g.medium",
      storageGiB: 20,
      maxStorageGiB: undefined,
      replicas: 1,
      backupRetentionDays: 30,
      backupWindow: "02:00-02:30",
      domain: undefined,
      recoverFrom: undefined,
      ownKey: false,
    });
  });

  it("has no size of storage with Aurora, whose storage grows by itself", () => {
    expect(plan({ storageSize: "10Gi", replicas: 15 }, aurora)).not.toHaveProperty("storageGiB");
  });

  it("takes a time of recovery in any zone as whole seconds of UTC", () => {
    expect(plan({ recoverFrom: { tenant: "old", time: "2026-11-27T09:30:00.5+01:00" } }).recoverFrom).toEqual({
      tenant: "old",
      time: "2026-11-27T08:30:00Z",
    });
  });

  it("tells every fault at once, with the tenant, the value, what is allowed and the way out", () => {
    expect(() =>
      plan({
        storageSize: "10Gi",
        replicas: 2,
        instanceClass: "db.serverless",
        backup: { enabled: true, schedule: "0 2 * * 0", retentionDays: 90 },
        storageClass: "fast",
        dedicatedNodes: { pool: "a" },
        domain: "db.acme.example",
        recoverFrom: { tenant: "acme", time: "yesterday" },
      }),
    ).toThrow(
      [
        "tenant acme: silo.instanceClass is db.serverless, which only aurora-postgresql has. Name a class with its size, as in db.t4g.medium",
        "tenant acme: silo.replicas is 2; allowed is 0 to 1 on the engine postgres (1 is a standby in another zone). For more, place the tenant on an entry of aurora-postgresql",
        'tenant acme: silo.storageClass is "fast", a word of Kubernetes; Amazon RDS uses gp3. Remove it',
        "tenant acme: silo.dedicatedNodes is a word of Kubernetes; on Amazon RDS an instance shares no machine. Remove it",
        `tenant acme: silo.domain is "db.acme.example", but the platform's entry names no hostedZoneId to write it into`,
        'tenant acme: silo.storageSize is "10Gi"; allowed on Amazon RDS is 20Gi to 64Ti, in whole GiB or TiB (the least and the most of gp3)',
        "tenant acme: silo.backup.retentionDays is 90; Amazon RDS keeps automated backups 1 to 35 days. For longer, let a plan of AWS Backup copy them by the tag tenancy:tenant",
        'tenant acme: silo.backup.schedule is "0 2 * * 0"; Amazon RDS takes one backup at one time of every day (UTC) and can recover every second in between. Write `MINUTE HOUR * * *`, as in `0 2 * * *`; for others use AWS Backup',
        "tenant acme: silo.recoverFrom names the tenant itself; Amazon RDS recovers into a new server. Add a record with an id of its own that recovers from this one",
        'tenant acme: silo.recoverFrom.time is "yesterday"; allowed is a time as in 2026-11-27T08:30:00Z',
      ].join("\n"),
    );
  });

  it("refuses a backup that meets the maintenance", () => {
    expect(() => plan({ backup: { enabled: true, schedule: "45 3 * * *", retentionDays: 7 } })).toThrow(
      "tenant acme: silo.backup.schedule gives the window 03:45-04:15, which meets the platform's maintenanceWindow sun:04:00-sun:05:00. Move one of them",
    );
  });

  it("has no backups only where the engine can be without", () => {
    const none = { enabled: false, schedule: "0 2 * * *", retentionDays: 30 };
    expect(plan({ backup: none })).toMatchObject({ backupRetentionDays: 0 });
    expect(plan({ backup: none })).not.toHaveProperty("backupWindow");
    expect(() => plan({ backup: none }, aurora)).toThrow("Aurora always keeps one day at least");
  });

  it("refuses storage that leaves no room below the entry's most", () => {
    expect(() => plan({ storageSize: "100Gi" }, { ...server, maxStorageGiB: 105 })).toThrow(
      "the platform's maxStorageGiB is 105; it has to be a tenth larger at least",
    );
    expect(plan({ storageSize: "100Gi" }, { ...server, maxStorageGiB: 110 })).toMatchObject({ maxStorageGiB: 110 });
  });

  it("either plans or refuses with the tenant in front of each line, whatever the settings are", () => {
    fc.assert(
      fc.property(
        fc.record({
          storageSize: fc.oneof(fc.string(), fc.constantFrom("20Gi", "1Ti", "65Ti", "0Gi")),
          replicas: fc.nat(20),
          schedule: fc.oneof(fc.string(), fc.constantFrom("0 2 * * *")),
          retentionDays: fc.integer({ min: -5, max: 100 }),
        }),
        ({ schedule, retentionDays, ...rest }) => {
          let text = "";
          try {
            const made = plan({ ...rest, backup: { enabled: true, schedule, retentionDays } });
            expect(made.storageGiB).toBeGreaterThanOrEqual(20);
            expect(made.backupWindow).toMatch(/^\d\d:\d\d-\d\d:\d\d$/);
          } catch (error) {
            if (!(error instanceof Error) || error.name !== "PlatformError") throw error;
            text = error.message;
          }
          expect(text === "" || text.startsWith("tenant acme: silo.")).toBe(true);
        },
      ),
    );
  });
});

describe("sizes", () => {
  it.each([
    ["20Gi", 20],
    ["2Ti", 2048],
    ["1.5Gi", undefined],
    ["20GB", undefined],
    ["020Gi", undefined],
    ["", undefined],
  ])("%j are %s GiB", (size, gib) => {
    expect(gibibytes(size)).toBe(gib);
  });
});

describe("what is fixed", () => {
  it("changes its word with engine, network, key and recovery, and with nothing else", () => {
    const before = fixedOnRds(settings, server);
    expect(before).toEqual({
      engine: "postgres",
      vpc: "vpc-0123456789abcdef0",
      encryptionKey: "aws/rds",
      recoverFrom: "none",
    });
    expect(
      fixedOnRds({ ...settings, storageSize: "40Gi", replicas: 0, instanceClass: "db.m7g.large" }, server),
    ).toEqual(before);
    expect(fixedOnRds({ ...settings, encryptionKey: "own" }, aurora)).toEqual({
      ...before,
      engine: "aurora-postgresql",
      encryptionKey: "own",
    });
    const recoverFrom = { tenant: "old", time: "2026-11-27T08:30:00Z" };
    expect(fixedOnRds({ ...settings, recoverFrom }, server).recoverFrom).toBe("old at 2026-11-27T08:30:00Z");
  });
});
