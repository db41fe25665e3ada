import * as pulumi from "@pulumi/pulumi";
import { AclUser } from "../provider/resources.ts";
import { redisNames } from "./naming.ts";
import { passwordOutput } from "./secrets.ts";
import { childOptions, type TenantLoginArgs } from "./tenant-args.ts";

export type TenantRedisAclArgs = TenantLoginArgs;

/**
 * A tenant's user in a shared Redis or Valkey: its ACL rule reaches the keys and channels under its prefix, and no
 * command that shows or touches others.
 *
 * @example
 * new TenantRedisAcl("acme", { tenant: "acme", prefix: "tenant", server: "main", … }, { provider });
 */
export class TenantRedisAcl extends pulumi.ComponentResource {
  readonly user: AclUser;
  readonly username: pulumi.Output<string>;
  /** Secret. */
  readonly password: pulumi.Output<string>;
  /** Begin of every key and channel, with its closing colon. */
  readonly keyPrefix: pulumi.Output<string>;

  constructor(name: string, args: TenantRedisAclArgs, options?: pulumi.ComponentResourceOptions) {
    super("tenancy:index:TenantRedisAcl", name, {}, options);

    this.user = new AclUser(
      `${name}-acl-user`,
      {
        ...redisNames(args.prefix, args.tenant),
        server: args.server,
        tenant: args.tenant,
        state: args.state,
        backupWaiver: args.backupWaiver,
        password: passwordOutput(args.secret, args.tenant, "redis", args.rotation ?? 0),
      },
      childOptions(this, args),
    );

    this.username = this.user.username;
    this.password = pulumi.secret(this.user.password);
    this.keyPrefix = this.user.keyPrefix;
    this.registerOutputs({ username: this.username, password: this.password, keyPrefix: this.keyPrefix });
  }
}
