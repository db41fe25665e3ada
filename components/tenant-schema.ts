import * as pulumi from "@pulumi/pulumi";
import type { SqlFile, TemplateVariables } from "../provider/inputs.ts";
import { Schema } from "../provider/resources.ts";
import { postgresNames } from "./naming.ts";
import { passwordOutput } from "./secrets.ts";
import { childOptions, type TenantLoginArgs } from "./tenant-args.ts";

export interface TenantSchemaArgs extends TenantLoginArgs {
  /** The server's address as applications reach it. */
  readonly host: string;
  readonly port: number;
  /** The shared database that the schema lies in. */
  readonly database: string;
  /** The tenant's id in the platform's own systems: a uuid or `org_123`. */
  readonly externalId: string;
  /** Folder of `templates/` that says what is inside of the schema. Fixed once applied. */
  readonly template: string;
  /** Values of the template's variables, all of them. Fixed once applied. */
  readonly variables: TemplateVariables;
  /** The template's files, in order. A new one is applied in place. */
  readonly templateFiles: readonly SqlFile[];
  /**
   * The tenant's own files, applied after the template's.
   * @default none
   */
  readonly additionalFiles?: readonly SqlFile[];
  /**
   * Folder of the tenant's own files, relative to the project.
   * @default tenants
   */
  readonly additionalRoot?: string;
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
}

/**
 * The `bridge` tier in PostgreSQL: a schema and roles of its own in a shared database.
 *
 * @example
 * new TenantSchema("acme", { tenant: "acme", prefix: "tenant", server: "main", … }, { provider });
 */
export class TenantSchema extends pulumi.ComponentResource {
  readonly schema: Schema;
  readonly schemaName: pulumi.Output<string>;
  readonly username: pulumi.Output<string>;
  /** Secret. */
  readonly password: pulumi.Output<string>;
  readonly readOnlyUsername: pulumi.Output<string>;
  /** Secret. */
  readonly readOnlyPassword: pulumi.Output<string>;
  /** Secret: libpq connection URL of the application's login, TLS verified in full. */
  readonly connectionUrl: pulumi.Output<string>;

  constructor(name: string, args: TenantSchemaArgs, options?: pulumi.ComponentResourceOptions) {
    super("tenancy:index:TenantSchema", name, {}, options);
    const names = postgresNames(args.prefix, args.tenant);
    const rotation = args.rotation ?? 0;

    this.schema = new Schema(
      `${name}-schema`,
      {
        ...names,
        server: args.server,
        tenant: args.tenant,
        externalId: args.externalId,
        state: args.state,
        backupWaiver: args.backupWaiver,
        connectionLimit: args.connectionLimit ?? 10,
        readOnlyConnectionLimit: args.readOnlyConnectionLimit ?? 5,
        template: args.template,
        variables: args.variables,
        templateFiles: args.templateFiles,
        additionalFiles: args.additionalFiles ?? [],
        additionalRoot: args.additionalRoot ?? "tenants",
        password: passwordOutput(args.secret, args.tenant, "postgres/app", rotation),
        readOnlyPassword: passwordOutput(args.secret, args.tenant, "postgres/read-only", rotation),
      },
      childOptions(this, args),
    );

    this.schemaName = this.schema.schema;
    this.username = this.schema.appRole;
    this.password = pulumi.secret(this.schema.password);
    this.readOnlyUsername = this.schema.readOnlyRole;
    this.readOnlyPassword = pulumi.secret(this.schema.readOnlyPassword);
    this.connectionUrl = pulumi.interpolate`postgresql://${this.schema.appRole}:${this.password}@${args.host}:${args.port}/${args.database}?sslmode=verify-full`;
    this.registerOutputs({
      schemaName: this.schemaName,
      username: this.username,
      password: this.password,
      readOnlyUsername: this.readOnlyUsername,
      readOnlyPassword: this.readOnlyPassword,
      connectionUrl: this.connectionUrl,
    });
  }
}
