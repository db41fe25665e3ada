import * as pulumi from "@pulumi/pulumi";
import type { TemplateVariables } from "../provider/inputs.ts";
import { PoolTenant } from "../provider/resources.ts";
import { poolNames, poolTenantId, postgresNames } from "./naming.ts";
import { passwordOutput } from "./secrets.ts";
import { childOptions, type TenantLoginArgs } from "./tenant-args.ts";

export interface TenantPoolArgs extends TenantLoginArgs {
  /** The tenant's id in the platform's own systems: `tenant_id` is it, or follows from it. **Replaces.** */
  readonly externalId: string;
  /** Name for people, which a template's seed may write into a row. */
  readonly displayName: string;
  /** Name of the pool in the registry. **Replaces.** */
  readonly pool: string;
  /** The pool's template. */
  readonly template: string;
  /** Values of the template's variables, all of them. */
  readonly variables: TemplateVariables;
  /**
   * Connections that the application's login may hold at once.
   * @default 10
   */
  readonly connectionLimit?: pulumi.Input<number>;
  /**
   * Connections of the read-only login.
   * @default 5
   */
  readonly readOnlyConnectionLimit?: pulumi.Input<number>;
  /** The server's address as applications reach it. */
  readonly host: string;
  readonly port: number;
  /** The shared database that the pool's schema lies in. */
  readonly database: string;
}

/**
 * The `pool` tier in PostgreSQL: rows of a tenant in the tables of a pool, and two logins that see nothing else. The
 * pool itself is `tenancy:postgres:Pool`, which `dependsOn` has to name.
 *
 * @example
 * new TenantPool("acme", { tenant: "acme", prefix: "glyph", server: "main", pool: "glyphs", … }, { provider });
 */
export class TenantPool extends pulumi.ComponentResource {
  readonly tenant: PoolTenant;
  /** The pool's schema. */
  readonly schemaName: pulumi.Output<string>;
  /** What the tenant's rows carry. */
  readonly tenantId: pulumi.Output<string>;
  readonly username: pulumi.Output<string>;
  /** Secret. */
  readonly password: pulumi.Output<string>;
  readonly readOnlyUsername: pulumi.Output<string>;
  /** Secret. */
  readonly readOnlyPassword: pulumi.Output<string>;
  /** Secret: libpq connection URL of the application's login, TLS verified in full. */
  readonly connectionUrl: pulumi.Output<string>;

  constructor(name: string, args: TenantPoolArgs, options?: pulumi.ComponentResourceOptions) {
    super("tenancy:index:TenantPool", name, {}, options);
    const { schema, ownerRole, appRole: poolAppRole, readOnlyRole: poolReadOnlyRole } = poolNames(args.pool);
    const { appRole, readOnlyRole } = postgresNames(args.prefix, args.tenant);
    const tenantId = poolTenantId(args.externalId);
    const rotation = args.rotation ?? 0;

    this.tenant = new PoolTenant(
      `${name}-pool-tenant`,
      {
        server: args.server,
        tenant: args.tenant,
        externalId: args.externalId,
        displayName: args.displayName,
        state: args.state,
        backupWaiver: args.backupWaiver,
        pool: args.pool,
        ...{ schema, ownerRole, poolAppRole, poolReadOnlyRole },
        ...{ tenantId, appRole, readOnlyRole },
        connectionLimit: args.connectionLimit ?? 10,
        readOnlyConnectionLimit: args.readOnlyConnectionLimit ?? 5,
        template: args.template,
        variables: args.variables,
        password: passwordOutput(args.secret, args.tenant, "postgres/app", rotation),
        readOnlyPassword: passwordOutput(args.secret, args.tenant, "postgres/read-only", rotation),
      },
      childOptions(this, args),
    );

    this.schemaName = pulumi.output(schema);
    this.tenantId = pulumi.output(tenantId);
    this.username = this.tenant.appRole;
    this.password = pulumi.secret(this.tenant.password);
    this.readOnlyUsername = this.tenant.readOnlyRole;
    this.readOnlyPassword = pulumi.secret(this.tenant.readOnlyPassword);
    this.connectionUrl = pulumi.interpolate`postgresql://${this.username}:${this.password}@${args.host}:${args.port}/${args.database}?sslmode=verify-full`;
    this.registerOutputs({
      schemaName: this.schemaName,
      tenantId: this.tenantId,
      username: this.username,
      password: this.password,
      readOnlyUsername: this.readOnlyUsername,
      readOnlyPassword: this.readOnlyPassword,
      connectionUrl: this.connectionUrl,
    });
  }
}
