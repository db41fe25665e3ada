/** What the component of each store takes, and how its one resource is registered. */
import type * as pulumi from "@pulumi/pulumi";
import type { BackupWaiver, TenantState } from "../provider/inputs.ts";

export interface TenantArgs {
  /** The tenant's id in the registry. **Replaces.** */
  readonly tenant: string;
  /** Naming prefix of the tenant's profile, as in `tenant` or `ekn`. **Replaces.** */
  readonly prefix: string;
  /** Name of the platform's server that the store lies on. **Replaces.** */
  readonly server: string;
  /** `suspended` and `offboarding` close the logins and keep the data. */
  readonly state: TenantState;
  /**
   * Counter of the store's credentials: raising it gives new ones.
   * @default 0
   */
  readonly rotation?: number;
  /** Says why the data may be deleted without a backup; needed before an offboarding tenant can leave. */
  readonly backupWaiver?: BackupWaiver;
  /**
   * What has to be there before the store's resource: the Roster, which refuses what would lose a tenant.
   * @default none
   */
  readonly dependsOn?: pulumi.Input<pulumi.Resource>[];
}

/** A store whose logins have passwords of ours. */
export interface TenantLoginArgs extends TenantArgs {
  /** Secret of the stack that the store's passwords are derived from: at least 43 letters and digits. */
  readonly secret: pulumi.Output<string>;
}

/** Data is protected until the registry has recorded that the tenant leaves. */
export function childOptions(parent: pulumi.Resource, args: TenantArgs): pulumi.CustomResourceOptions {
  return { parent, protect: args.state !== "offboarding", dependsOn: args.dependsOn };
}
