/** A tenant's place in PostgreSQL, whose component its tier picks. */
import type * as pulumi from "@pulumi/pulumi";
import type { TenantRecord } from "../tenants/load.ts";
import { siloEngineOf } from "./clouds.ts";
import { poolNames, poolTenantId, postgresNames } from "./naming.ts";
import type { PlatformConfig } from "./platform.ts";
import type { SiloEngine } from "./silo-engine.ts";
import { TenantDatabaseSilo } from "./tenant-database-silo.ts";
import { TenantPool } from "./tenant-pool.ts";
import { TenantSchema, type TenantSchemaArgs } from "./tenant-schema.ts";
import { type Made, placed, sharedArgs, type TenantArguments, type TenantOptions } from "./tenant-stores.ts";

export interface PostgresConnections {
  readonly host: pulumi.Input<string>;
  readonly port: pulumi.Input<number>;
  readonly database: pulumi.Input<string>;
  readonly user: pulumi.Input<string>;
  /** None where logins go by IAM. */
  readonly password?: pulumi.Output<string>;
  readonly readOnlyUser: pulumi.Input<string>;
  readonly readOnlyPassword?: pulumi.Output<string>;
  /** The pool's, of a tenant in a pool. */
  readonly schema: pulumi.Input<string>;
  /** Only of a tenant in a pool: what its rows carry as `tenant_id`. */
  readonly tenantId?: string;
  readonly caFile?: string;
  /** PEM text, where there is no file. */
  readonly ca?: pulumi.Output<string>;
  readonly pooler?: { readonly host: pulumi.Input<string>; readonly port: pulumi.Input<number> };
  readonly iam?: { readonly region: string; readonly loginArns: pulumi.Output<string[]> };
  readonly domain?: string;
}

type Place = Made<TenantPool | TenantSchema | TenantDatabaseSilo, PostgresConnections>;

export function postgresPlace(
  record: TenantRecord,
  sources: TenantArguments,
  options: TenantOptions,
): Place | undefined {
  const { postgres } = record;
  if (postgres === undefined) return undefined;
  const settings = {
    ...sharedArgs(record, options),
    externalId: record.externalId,
    secret: sources.secret,
    template: postgres.template,
    variables: postgres.variables,
    templateFiles: sources.templateFiles,
    additionalFiles: sources.additionalFiles,
    additionalRoot: sources.additionalRoot,
    connectionLimit: postgres.connectionLimit,
    readOnlyConnectionLimit: postgres.readOnlyConnectionLimit,
    rotation: postgres.rotation,
  };
  if (record.tier === "silo") return ownDatabase(record, settings, sources, options);
  if (postgres.pool === undefined) return ownSchema(record, settings, sources, options);
  return placeInPool(record, postgres.pool, settings, sources, options);
}

type Settings = Omit<TenantSchemaArgs, "server" | "host" | "port" | "database">;

function placeInPool(
  record: TenantRecord,
  pool: string,
  settings: Settings,
  sources: TenantArguments,
  { provider }: TenantOptions,
): Place {
  const { id, displayName, externalId } = record;
  const { name, connection } = onShared(record, sources.platform);
  const { host, port, database } = connection;
  const after = sources.pool === undefined ? [] : [sources.pool];
  const component = new TenantPool(
    id,
    {
      ...{ tenant: id, prefix: record.prefix, state: record.state, backupWaiver: record.backupWaiver },
      ...{ server: name, host, port, database, externalId, displayName, pool },
      ...{ template: settings.template, variables: settings.variables },
      connectionLimit: settings.connectionLimit,
      readOnlyConnectionLimit: settings.readOnlyConnectionLimit,
      ...{ secret: settings.secret, rotation: settings.rotation },
      dependsOn: [...(settings.dependsOn ?? []), ...after],
    },
    { provider },
  );
  const { password, readOnlyPassword, tenant } = component;
  const place = { schema: poolNames(pool).schema, tenantId: poolTenantId(externalId) };
  return { component, connection: { ...connection, password, readOnlyPassword, ...place }, resources: [tenant] };
}

function ownSchema(
  record: TenantRecord,
  settings: Settings,
  { platform, copy }: TenantArguments,
  { provider }: TenantOptions,
): Place {
  const { name, connection } = onShared(record, platform);
  const { host, port, database } = connection;
  const dependsOn = [...(settings.dependsOn ?? []), ...(copy?.after ?? [])];
  const component = new TenantSchema(
    record.id,
    { ...settings, server: name, host, port, database, copyOf: copy?.of, dependsOn },
    { provider },
  );
  const { password, readOnlyPassword, schema } = component;
  const { schema: schemaName } = postgresNames(record.prefix, record.id);
  return {
    component,
    connection: { ...connection, password, readOnlyPassword, schema: schemaName },
    resources: [schema],
  };
}

/** What logins on a server that tenants share have in common. */
function onShared(record: TenantRecord, platform: PlatformConfig) {
  const { name, server } = placed(record, "postgres", platform);
  const { host, port, database, pooler } = server;
  const { appRole, readOnlyRole } = postgresNames(record.prefix, record.id);
  const caFile = platform.caFiles[`postgres/${name}`];
  return { name, connection: { host, port, database, user: appRole, readOnlyUser: readOnlyRole, caFile, pooler } };
}

function ownDatabase(
  record: TenantRecord,
  settings: Settings,
  { platform, extensions, catalogue, clouds, migrationFiles }: TenantArguments,
  { provider }: TenantOptions,
): Place {
  const engine = siloEngineOf(clouds, record, migrationFiles) ?? databaseEngine(record, platform);
  const component = new TenantDatabaseSilo(
    record.id,
    { ...settings, server: record.placement.postgres ?? "", extensions, catalogue, engine },
    { provider },
  );
  const { host, port, database, schema, user, password, readOnlyUser, readOnlyPassword } = component;
  const { caFile, ca, pooler, iam, domain } = component;
  const login = { user, password, readOnlyUser, readOnlyPassword };
  const connection = { host, port, database, schema, ...login, caFile, ca, pooler, iam, domain };
  return { component, connection, resources: component.resources };
}

/** A database of its own on a server that others share. */
function databaseEngine(record: TenantRecord, platform: PlatformConfig): SiloEngine {
  const { name, server } = placed(record, "postgres", platform);
  return { kind: "database", host: server.host, port: server.port, caFile: platform.caFiles[`postgres/${name}`] };
}
