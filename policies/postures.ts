/** Two ways to run the pack. A site takes one and changes what differs; docs/policies.md tells how. */
import { rules } from "./catalogue.ts";
import { type Configuration, merge } from "./configuration.ts";

/** No stack is left alone, not even a developer's. */
const noExceptions = { developmentStacks: [] };

const regulated: Configuration = {
  "tenancy-platform-endpoints-use-tls": noExceptions,
  "tenancy-postgresql-provider-verifies-server": noExceptions,
  "tenancy-aws-provider-uses-tls": noExceptions,
  "tenancy-kubernetes-provider-verifies-server": noExceptions,
  "tenancy-server-in-region": noExceptions,
  "tenancy-rds-encrypted": { ownKey: true },
  "tenancy-memory-store-own-key": "mandatory",
  "tenancy-secret-own-key": "mandatory",
  "tenancy-tenant-own-key": { tiers: ["silo"] },
  // A pool has one boundary; whoever is regulated says first that it is enough.
  "tenancy-tier-allowed": { tiers: ["bridge", "silo"] },
  "tenancy-rds-multi-az": "mandatory",
  // The most that Amazon RDS keeps.
  "tenancy-rds-backup-retention": { silo: 35, shared: 35 },
  "tenancy-cnpg-backup-retention": { minimumDays: 35 },
  "tenancy-memory-store-backup": { enforcementLevel: "mandatory", minimumDays: 7 },
  "tenancy-deletion-window": { minimumDays: 30 },
  "tenancy-roster-max-deletes": { most: 1 },
  "tenancy-tenant-no-backup-waiver": "mandatory",
  "tenancy-credential-age": "mandatory",
};

/** Each rule as it is written: its enforcement stands there to be read and changed. */
const baseline: Configuration = Object.fromEntries(rules.map(({ name, enforcement }) => [name, enforcement]));

export const postures = { baseline, regulated } as const;
export type Posture = keyof typeof postures;

export function isPosture(name: string): name is Posture {
  return Object.hasOwn(postures, name);
}

/** The configuration of a posture with every rule in it. */
export function postureConfiguration(posture: Posture): Configuration {
  const merged = merge(baseline, postures[posture]);
  return Object.fromEntries(
    Object.entries(merged).map(([name, entry]) => {
      const { enforcementLevel, ...settings } = typeof entry === "string" ? { enforcementLevel: entry } : entry;
      // What has no settings is written in its short form.
      return [name, Object.keys(settings).length === 0 && enforcementLevel !== undefined ? enforcementLevel : entry];
    }),
  );
}
