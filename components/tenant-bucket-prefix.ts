import * as pulumi from "@pulumi/pulumi";
import { Prefix } from "../provider/resources.ts";
import { storageNames } from "./naming.ts";
import { childOptions, type TenantArgs } from "./tenant-args.ts";

export interface TenantBucketPrefixArgs extends TenantArgs {
  /**
   * Folders kept inside of the prefix.
   * @default uploads, processed, exports
   */
  readonly folders?: readonly string[];
}

/**
 * A tenant's prefix in a shared bucket, with an IAM user whose policy ends at the prefix; on a file system a tree of
 * folders that only their owner can enter.
 *
 * @example
 * new TenantBucketPrefix("acme", { tenant: "acme", prefix: "tenant", server: "main", … }, { provider });
 */
export class TenantBucketPrefix extends pulumi.ComponentResource {
  readonly prefix: Prefix;
  /** Begin of every object's key, with its closing slash. */
  readonly keyPrefix: pulumi.Output<string>;
  /** Empty on a file system. */
  readonly accessKeyId: pulumi.Output<string>;
  /** Secret; empty on a file system. */
  readonly secretAccessKey: pulumi.Output<string>;

  constructor(name: string, args: TenantBucketPrefixArgs, options?: pulumi.ComponentResourceOptions) {
    super("tenancy:index:TenantBucketPrefix", name, {}, options);

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
      childOptions(this, args),
    );

    this.keyPrefix = this.prefix.prefix;
    this.accessKeyId = this.prefix.accessKeyId;
    this.secretAccessKey = pulumi.secret(this.prefix.secretAccessKey);
    this.registerOutputs({
      keyPrefix: this.keyPrefix,
      accessKeyId: this.accessKeyId,
      secretAccessKey: this.secretAccessKey,
    });
  }
}
