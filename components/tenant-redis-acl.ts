import * as pulumi from "@pulumi/pulumi";
import { AclUser } from "../provider/resources.ts";
import type { CacheBaseline } from "./aws/cache-users.ts";
import { redisNames } from "./naming.ts";
import { passwordOutput } from "./secrets.ts";
import { childOptions, type TenantLoginArgs } from "./tenant-args.ts";

export interface TenantRedisAclArgs extends TenantLoginArgs {
  /**
   * What the server is: in a `cluster` the tenant's keys get a hash tag. **Replaces.**
   * @default replicated
   */
  readonly topology?: "replicated" | "cluster" | "sentinel";
  /**
   * For a server of the kinds `elasticache` and `memorydb`: its baseline, which has the tenant's user. `state` and
   * `rotation` are those that the baseline was given.
   * @default none: the provider sets the user on the server's nodes
   */
  readonly aws?: CacheBaseline;
}

/**
 * A tenant's user in a shared Redis or Valkey: its ACL rule reaches the keys and channels under its prefix, and no
 * command that shows or touches others.
 *
 * @example
 * new TenantRedisAcl("acme", { tenant: "acme", prefix: "tenant", server: "main", … }, { provider });
 */
export class TenantRedisAcl extends pulumi.ComponentResource {
  /** The user, wherever it is kept. */
  readonly user: pulumi.Resource;
  readonly username: pulumi.Output<string>;
  /** Secret. */
  readonly password: pulumi.Output<string>;
  /** Begin of every key and channel, with its closing colon. */
  readonly keyPrefix: pulumi.Output<string>;
  /** Only on AWS: the cache that the tenant lies on. */
  readonly endpoint: { readonly host: pulumi.Output<string>; readonly port: pulumi.Output<number> } | undefined;

  constructor(name: string, args: TenantRedisAclArgs, options?: pulumi.ComponentResourceOptions) {
    super("tenancy:index:TenantRedisAcl", name, {}, options);

    if (args.aws === undefined) {
      const user = new AclUser(
        `${name}-acl-user`,
        {
          ...redisNames(args.prefix, args.tenant, { cluster: args.topology === "cluster" }),
          server: args.server,
          tenant: args.tenant,
          state: args.state,
          backupWaiver: args.backupWaiver,
          password: passwordOutput(args.secret, args.tenant, "redis", args.rotation ?? 0),
        },
        childOptions(this, args),
      );
      this.user = user;
      this.username = user.username;
      this.password = pulumi.secret(user.password);
      this.keyPrefix = user.keyPrefix;
      this.endpoint = undefined;
    } else {
      const login = args.aws.login({ id: args.tenant, prefix: args.prefix });
      // The provider keeps the mark, and deletes the keys of a tenant that leaves.
      if (login.nativeServer !== undefined) {
        const inputs = {
          ...redisNames(args.prefix, args.tenant, { cluster: login.clusterMode }),
          server: login.nativeServer,
          tenant: args.tenant,
          state: args.state,
          backupWaiver: args.backupWaiver,
          // No login has it: the user's own would make a rotation a change of this resource, too.
          password: passwordOutput(args.secret, args.tenant, "redis/keys", 0),
        };
        new AclUser(`${name}-acl-user`, inputs, childOptions(this, args));
      }
      this.user = login.user;
      this.username = pulumi.output(login.username);
      this.password = pulumi.secret(login.password);
      this.keyPrefix = pulumi.output(login.keyPrefix);
      this.endpoint = { host: login.host, port: login.port };
    }
    this.registerOutputs({
      username: this.username,
      password: this.password,
      keyPrefix: this.keyPrefix,
      ...(this.endpoint === undefined ? {} : { endpoint: this.endpoint }),
    });
  }
}
