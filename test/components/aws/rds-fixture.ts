import type { RdsSettings } from "../../../components/aws/rds-plan.ts";

/** The least that an entry of the kind `rds` says. */
export const entry = {
  kind: "rds",
  region: "eu-central-1",
  vpcId: "vpc-0123456789abcdef0",
  subnetIds: ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
  applicationSecurityGroupIds: ["sg-0123456789abcdef0"],
  engineVersion: "18",
  defaultInstanceClass: "db.t4g.medium",
  caBundleFile: "eu-central-1-bundle.pem",
} as const;

export const settings: RdsSettings = {
  storageSize: "20Gi",
  backup: { enabled: true, schedule: "0 2 * * *", retentionDays: 30 },
  encryptionKey: "platform",
};
