/** What the engines of a silo are given, and the one shape that each gives back. */
import type * as pulumi from "@pulumi/pulumi";
import type { PostgresConnection } from "../provider/inputs.ts";
import type { PostgresNames } from "./naming.ts";
import type { SchemaContentArgs } from "./schema-content.ts";

/** What an application needs to connect to its silo, whatever engine it lies on. */
export interface SiloConnection {
  readonly host: pulumi.Output<string>;
  readonly port: pulumi.Output<number>;
  readonly database: pulumi.Output<string>;
  readonly schema: pulumi.Output<string>;
  readonly user: pulumi.Output<string>;
  /** Secret; none where logins go by IAM. */
  readonly password?: pulumi.Output<string>;
  readonly readOnlyUser: pulumi.Output<string>;
  /** Secret; none where logins go by IAM. */
  readonly readOnlyPassword?: pulumi.Output<string>;
  /** Logins by tokens of IAM: what the application's role has to be allowed (`rds-db:connect`). */
  readonly iam?: { readonly region: string; readonly loginArns: pulumi.Output<string[]> };
  /** The tenant's own name for the host, where it has one. */
  readonly domain?: string;
  /** File with the authority that signed the server's certificate, on the machine that runs the stack. */
  readonly caFile?: string;
  /** The same as PEM text, where a file is not. */
  readonly ca?: pulumi.Output<string>;
  /** In front of the server, for the application's many connections. */
  readonly pooler?: { readonly host: pulumi.Output<string>; readonly port: pulumi.Output<number> };
}

export interface TenantDatabaseSiloArgs extends SchemaContentArgs {
  /** Extensions that the template needs, made in the schema `extensions`. */
  readonly extensions: readonly string[];
  /**
   * The platform's PostgreSQL server with the catalogue of tenants.
   * @default `server`, where it is a server of the platform's
   */
  readonly catalogue?: string;
  /** What the database lies on. **Replaces**, if it becomes another. */
  readonly engine: SiloEngine;
}

export type SiloEngine = DatabaseEngine | ManagedEngine<"cloudnativepg"> | ManagedEngine<"rds">;

/** A database of its own on a server that is there: one of the platform's (`server`), or one that `connection` describes. */
export interface DatabaseEngine extends ServerConnection {
  readonly kind: "database";
  /** The server's address as applications reach it. */
  readonly host: pulumi.Input<string>;
  readonly port: pulumi.Input<number>;
  /** File with the authority that signed the server's certificate. */
  readonly caFile?: string;
}

/** How the native provider reaches a server that the platform's configuration does not have. */
export interface ServerConnection {
  /**
   * The server and its provisioner; `server` is a name for messages then.
   * @default the platform's server of the name `server`
   */
  readonly connection?: pulumi.Input<{
    readonly [K in keyof PostgresConnection]: pulumi.Input<PostgresConnection[K]>;
  }>;
  /** Secret: password of the provisioner on that server. */
  readonly connectionPassword?: pulumi.Input<string>;
  /** Id of the tenant from whose backups that server was restored; its database is taken over. */
  readonly recoveredFrom?: string;
}

/**
 * A server, or a cluster, of the tenant's own. Its builder stands beside the code of its cloud, so that only a stack that
 * uses the cloud loads it.
 */
export interface ManagedEngine<K extends "cloudnativepg" | "rds"> {
  readonly kind: K;
  /** Makes everything as children of `request.parent`, named `${request.name}-<role>`. */
  readonly build: (request: SiloRequest) => SiloMade;
}

export interface SiloRequest {
  /** The tenant's id, which names of children begin with. */
  readonly name: string;
  readonly parent: pulumi.ComponentResource;
  readonly args: TenantDatabaseSiloArgs;
  /** The database has the schema's name. */
  readonly names: PostgresNames;
  /** Secret: of the application's login. */
  readonly password: pulumi.Output<string>;
  /** Secret: of the read-only login. */
  readonly readOnlyPassword: pulumi.Output<string>;
}

export interface SiloMade {
  readonly connection: SiloConnection;
  /** What has to be registered before the tenant is. */
  readonly resources: readonly pulumi.Resource[];
}
