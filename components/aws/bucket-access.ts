/** What all tenants of a bucket share of their access: a role with session tags, or an instance of S3 Access Grants. */
import * as iam from "@pulumi/aws/iam/index.js";
import * as s3control from "@pulumi/aws/s3control/index.js";
import type * as pulumi from "@pulumi/pulumi";
import type { BucketTenant } from "./bucket-baseline.ts";
import { locationPolicy, locationTrust } from "./policies/access-grants.ts";
import { accessPointRolePolicy } from "./policies/access-point.ts";
import { abacPolicy, taggedTrust } from "./policies/abac.ts";
import type { AwsStorageSettings } from "./storage-settings.ts";

/** Where this tool's roles stand in IAM. */
export const rolePath = "/tenancy/";

export interface AccessParts {
  readonly tenantsRoleArn: pulumi.Output<string> | undefined;
  readonly grantsLocationId: pulumi.Output<string> | undefined;
}

export function sharedAccess(
  name: string,
  settings: AwsStorageSettings,
  tenants: readonly BucketTenant[],
  keyArn: pulumi.Output<string>,
  parent: pulumi.Resource,
): AccessParts {
  if (settings.access === "access-grants") {
    return { tenantsRoleArn: undefined, grantsLocationId: grantsLocation(name, settings, keyArn, parent) };
  }
  if (settings.access === "role") return { tenantsRoleArn: undefined, grantsLocationId: undefined };
  const policyOf = settings.access === "abac" ? abacPolicy : accessPointRolePolicy;
  const role = new iam.Role(
    `${name}-tenants-role`,
    {
      name: settings.bucket,
      path: rolePath,
      description: `Sessions of the tenants of the bucket ${settings.bucket}`,
      maxSessionDuration: settings.sessionSeconds,
      assumeRolePolicy: JSON.stringify(
        taggedTrust({ ...settings, namingPrefixes: [...new Set(tenants.map(({ prefix }) => prefix))].sort() }),
      ),
    },
    { parent },
  );
  new iam.RolePolicy(
    `${name}-tenants-role-policy`,
    { role: role.name, name: "tenancy", policy: keyArn.apply((key) => JSON.stringify(policyOf(settings, key))) },
    { parent },
  );
  return { tenantsRoleArn: role.arn, grantsLocationId: undefined };
}

function grantsLocation(
  name: string,
  settings: AwsStorageSettings,
  keyArn: pulumi.Output<string>,
  parent: pulumi.Resource,
): pulumi.Output<string> | undefined {
  const { region, accountId } = settings;
  if (settings.grantsLocationId !== undefined) return undefined;
  const role = new iam.Role(
    `${name}-grants-role`,
    {
      name: `${settings.bucket}-grants`,
      path: rolePath,
      description: `S3 Access Grants takes it on for the bucket ${settings.bucket}`,
      maxSessionDuration: settings.sessionSeconds,
      assumeRolePolicy: JSON.stringify(locationTrust(settings)),
    },
    { parent },
  );
  const policy = new iam.RolePolicy(
    `${name}-grants-role-policy`,
    { role: role.name, name: "tenancy", policy: keyArn.apply((key) => JSON.stringify(locationPolicy(settings, key))) },
    { parent },
  );
  const instance = new s3control.AccessGrantsInstance(`${name}-grants-instance`, { accountId, region }, { parent });
  const location = new s3control.AccessGrantsLocation(
    `${name}-grants-location`,
    { accountId, iamRoleArn: role.arn, locationScope: "s3://", region },
    { parent, dependsOn: [instance, policy] },
  );
  return location.accessGrantsLocationId;
}
