import * as pulumi from "@pulumi/pulumi";
import { Database } from "../provider/resources.ts";
import { postgresNames } from "./naming.ts";
import { schemaInputs } from "./schema-content.ts";
import { passwordOutput } from "./secrets.ts";
import type { ServerConnection, SiloConnection, SiloMade, SiloRequest, TenantDatabaseSiloArgs } from "./silo-engine.ts";
import { childOptions } from "./tenant-args.ts";

export type { SiloConnection, SiloEngine, SiloMade, SiloRequest, TenantDatabaseSiloArgs } from "./silo-engine.ts";

/**
 * The `silo` tier in PostgreSQL: a database and roles of its own, on a server that others share or on one of its own.
 *
 * @example
 * new TenantDatabaseSilo("acme", { …, server: "main", engine: { kind: "database", host, port, caFile } }, { provider });
 */
export class TenantDatabaseSilo extends pulumi.ComponentResource implements SiloConnection {
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
  readonly iam?: SiloConnection["iam"];
  readonly domain?: string;
  readonly caFile?: string;
  readonly ca?: pulumi.Output<string>;
  readonly pooler?: SiloConnection["pooler"];
  /** Secret: libpq connection URL of the application's login, TLS verified in full. */
  readonly connectionUrl: pulumi.Output<string>;
  /** What has to be registered before the tenant is. */
  readonly resources: readonly pulumi.Resource[];

  constructor(name: string, args: TenantDatabaseSiloArgs, options?: pulumi.ComponentResourceOptions) {
    super("tenancy:index:TenantDatabaseSilo", name, {}, options);
    const rotation = args.rotation ?? 0;
    const { connection, resources } = build({
      name,
      parent: this,
      args,
      names: postgresNames(args.prefix, args.tenant),
      password: passwordOutput(args.secret, args.tenant, "postgres/app", rotation),
      readOnlyPassword: passwordOutput(args.secret, args.tenant, "postgres/read-only", rotation),
    });

    this.host = connection.host;
    this.port = connection.port;
    this.database = connection.database;
    this.schema = connection.schema;
    this.user = connection.user;
    this.password = secretly(connection.password);
    this.readOnlyUser = connection.readOnlyUser;
    this.readOnlyPassword = secretly(connection.readOnlyPassword);
    this.iam = connection.iam;
    this.domain = connection.domain;
    this.caFile = connection.caFile;
    this.ca = connection.ca;
    this.pooler = connection.pooler;
    const login = this.password === undefined ? this.user : pulumi.interpolate`${this.user}:${this.password}`;
    this.connectionUrl = pulumi.interpolate`postgresql://${login}@${this.host}:${this.port}/${this.database}?sslmode=verify-full`;
    this.resources = resources;
    this.registerOutputs({
      host: this.host,
      port: this.port,
      database: this.database,
      schema: this.schema,
      user: this.user,
      password: this.password,
      readOnlyUser: this.readOnlyUser,
      readOnlyPassword: this.readOnlyPassword,
      iam: this.iam,
      domain: this.domain,
      caFile: this.caFile,
      ca: this.ca,
      pooler: this.pooler,
      connectionUrl: this.connectionUrl,
    });
  }
}

function secretly(value: pulumi.Output<string> | undefined): pulumi.Output<string> | undefined {
  return value === undefined ? undefined : pulumi.secret(value);
}

function build(request: SiloRequest): SiloMade {
  const { engine } = request.args;
  switch (engine.kind) {
    case "database":
      return buildDatabase(request, engine);
    case "cloudnativepg":
    case "rds":
      return engine.build(request);
  }
}

function buildDatabase(
  request: SiloRequest,
  engine: Extract<TenantDatabaseSiloArgs["engine"], { kind: "database" }>,
): SiloMade {
  const database = siloDatabase(request, engine);
  return {
    connection: {
      host: pulumi.output(engine.host),
      port: pulumi.output(engine.port),
      database: database.database,
      schema: database.schema,
      user: database.appRole,
      password: database.password,
      readOnlyUser: database.readOnlyRole,
      readOnlyPassword: database.readOnlyPassword,
      ...(engine.caFile === undefined ? {} : { caFile: engine.caFile }),
    },
    resources: [database],
  };
}

/**
 * The database and what is inside of it, by the native provider: also on a server that an engine has just made.
 *
 * @param dependsOn - what has to be there before, beside what the tenant waits for
 * @param deletedWith - the tenant's own server, whose end is the end of all inside
 */
export function siloDatabase(
  { name, parent, args, names, password, readOnlyPassword }: SiloRequest,
  { connection, connectionPassword, recoveredFrom }: ServerConnection,
  dependsOn: readonly pulumi.Resource[] = [],
  deletedWith?: pulumi.Resource,
): Database {
  return new Database(
    `${name}-database`,
    {
      ...names,
      database: names.schema,
      ...schemaInputs(args),
      extensions: args.extensions,
      password,
      readOnlyPassword,
      catalogue: args.catalogue,
      connection,
      connectionPassword: connectionPassword === undefined ? undefined : pulumi.secret(connectionPassword),
      ...(recoveredFrom === undefined ? {} : { recoveredFrom }),
    },
    pulumi.mergeOptions(childOptions(parent, args), { dependsOn: [...dependsOn], deletedWith }),
  );
}
