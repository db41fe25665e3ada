/** What a tenant's schema is made of, in a shared database or in one of its own. */
import type * as pulumi from "@pulumi/pulumi";
import type { SqlFile, TemplateVariables } from "../provider/inputs.ts";
import type { TenantLoginArgs } from "./tenant-args.ts";

export interface SchemaContentArgs extends TenantLoginArgs {
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

/** The inputs that `tenancy:postgres:Schema` and `tenancy:postgres:Database` have in common, but names and passwords. */
export function schemaInputs(args: SchemaContentArgs) {
  return {
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
  };
}
