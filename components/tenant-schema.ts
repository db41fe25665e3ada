import * as pulumi from "@pulumi/pulumi";
import type { CopySource } from "../provider/inputs.ts";
import { Schema } from "../provider/resources.ts";
import { postgresNames } from "./naming.ts";
import { passwordOutput } from "./secrets.ts";
import { type SchemaContentArgs, schemaInputs } from "./schema-content.ts";
import { childOptions } from "./tenant-args.ts";

export interface TenantSchemaArgs extends SchemaContentArgs {
  /** The server's address as applications reach it. */
  readonly host: string;
  readonly port: number;
  /** The shared database that the schema lies in. */
  readonly database: string;
  /**
   * A tenant in the same database whose rows a new schema is filled with. Read when the schema is made, never again.
   * @default none
   */
  readonly copyOf?: CopySource;
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
        ...schemaInputs(args),
        copyOf: args.copyOf,
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
