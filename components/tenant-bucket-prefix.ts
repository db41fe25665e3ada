import * as pulumi from "@pulumi/pulumi";
import { Prefix } from "../provider/resources.ts";
import type { AwsStorageAccess, TenantBucketAwsArgs } from "./aws/tenant-access.ts";
import { storageNames } from "./naming.ts";
import { childOptions, type TenantArgs } from "./tenant-args.ts";

export interface TenantBucketPrefixArgs extends TenantArgs {
  /**
   * Folders kept inside of the prefix.
   * @default uploads, processed, exports
   */
  readonly folders?: readonly string[];
  /**
   * For a server of the kind `aws`: the shared bucket, and how the tenant gets at it.
   * @default none: an IAM user of the server, or a tree of folders
   */
  readonly aws?: TenantBucketAwsArgs;
}

/**
 * A tenant's prefix in a shared bucket, with an IAM user whose policy ends at the prefix; on a file system a tree of
 * folders that only their owner can enter; on AWS access by a role, an access point or a grant.
 *
 * @example
 * new TenantBucketPrefix("acme", { tenant: "acme", prefix: "tenant", server: "main", … }, { provider });
 */
export class TenantBucketPrefix extends pulumi.ComponentResource {
  readonly prefix: Prefix;
  /** Begin of every object's key, with its closing slash. */
  readonly keyPrefix: pulumi.Output<string>;
  /** Empty on a file system and on AWS. */
  readonly accessKeyId: pulumi.Output<string>;
  /** Secret; empty on a file system and on AWS. */
  readonly secretAccessKey: pulumi.Output<string>;
  /** Only on AWS. */
  readonly aws: AwsStorageAccess | undefined;

  constructor(name: string, args: TenantBucketPrefixArgs, options?: pulumi.ComponentResourceOptions) {
    super("tenancy:index:TenantBucketPrefix", name, {}, options);

    // A method of the baseline: a stack without AWS does not load that provider's package.
    const access = args.aws?.baseline.tenantAccess(name, args, args.aws, this);
    this.prefix = new Prefix(
      `${name}-prefix`,
      {
        ...storageNames(args.prefix, args.tenant),
        server: args.server,
        tenant: args.tenant,
        state: args.state,
        backupWaiver: args.backupWaiver,
        folders: [...(args.folders ?? ["uploads", "processed", "exports"])],
        rotation: args.rotation ?? 0,
      },
      childOptions(this, args.aws === undefined ? args : { ...args, dependsOn: needed(args, args.aws, access?.key) }),
    );

    this.keyPrefix = this.prefix.prefix;
    this.accessKeyId = this.prefix.accessKeyId;
    this.secretAccessKey = pulumi.secret(this.prefix.secretAccessKey);
    this.aws = access?.outputs;
    this.registerOutputs({
      keyPrefix: this.keyPrefix,
      accessKeyId: this.accessKeyId,
      secretAccessKey: this.secretAccessKey,
      ...(this.aws === undefined ? {} : { aws: this.aws }),
    });
  }
}

/** The prefix is made after the bucket and its key, and emptied before they go. */
function needed(
  args: TenantBucketPrefixArgs,
  { baseline }: TenantBucketAwsArgs,
  key: pulumi.Resource | undefined,
): pulumi.Input<pulumi.Resource>[] {
  return [...(args.dependsOn ?? []), baseline, ...(key === undefined ? [] : [key])];
}
