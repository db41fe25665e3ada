/** The engine `rds` of TenantDatabaseSilo: a server on Amazon RDS that is one tenant's alone. */
import * as kms from "@pulumi/aws/kms/index.js";
import * as route53 from "@pulumi/aws/route53/index.js";
import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import { type PostgresNames, postgresNames } from "../naming.ts";
import { passwordOutput } from "../secrets.ts";
import type { TenantLoginArgs } from "../tenant-args.ts";
import { loginArn } from "./rds-access.ts";
import type { RdsFoundation } from "./rds-foundation.ts";
import { madeInside, providerOnServer, verifierOutput } from "./rds-inside.ts";
import { memberName, postgresPort, provisionerUser, rdsNames, rdsTags } from "./rds-names.ts";
import { planRds, type RdsSettings } from "./rds-plan.ts";
import { rdsProxy } from "./rds-proxy.ts";
import { rdsServer } from "./rds-server.ts";

/** Days until a deleted key is gone, and with it all that it encrypted: the most that AWS allows. */
const keyDeletionDays = 30;
/** A failover changes the address behind the endpoint's name, not the name: the record may be kept a minute. */
const recordSeconds = 60;

/** What registers the work inside of the database: `tenancy:postgres:Database`. */
export interface RdsInside {
  readonly connection: pulumi.Output<{ host: string; port: number; user: string; ca: string }>;
  /** Secret: of the provisioner. */
  readonly connectionPassword: pulumi.Output<string>;
  /** Database, schema and roles; those of the recovered tenant where there is one, whose data carries its names. */
  readonly names: PostgresNames;
  readonly database: string;
  /** Tenant whose marks the database carries, since it was recovered from its backups. */
  readonly recoveredFrom?: string;
  /** Order, protection, and that the server's end is the end of all inside: the final snapshot keeps it. */
  readonly options: {
    readonly parent: pulumi.Resource;
    readonly protect: boolean;
    readonly dependsOn: pulumi.Resource[];
    readonly deletedWith: pulumi.Resource;
  };
}

export interface RdsSiloArgs extends TenantLoginArgs {
  readonly foundation: RdsFoundation;
  /** `silo` of the tenant's record. */
  readonly settings: RdsSettings;
  /** Extensions that the tenant's template needs. */
  readonly extensions: readonly string[];
  /**
   * Naming prefix of the tenant that `settings.recoverFrom` names.
   * @default the same as the tenant's
   */
  readonly recoverFromPrefix?: string;
  /**
   * Whose names, and whose provisioner's password, that tenant's database carries, where it was recovered itself.
   * @default that tenant's own
   */
  readonly recoveredNames?: { readonly prefix: string; readonly tenant: string };
  /** Registers what lies inside. */
  readonly inside: (inside: RdsInside) => pulumi.Resource;
}

/** What an application connects with. */
export interface RdsSiloConnection {
  readonly host: pulumi.Output<string>;
  readonly port: number;
  readonly database: string;
  readonly schema: string;
  readonly user: string;
  /** Secret; none where logins go by IAM. */
  readonly password?: pulumi.Output<string>;
  readonly readOnlyUser: string;
  /** Secret; none where logins go by IAM. */
  readonly readOnlyPassword?: pulumi.Output<string>;
  readonly caFile: string;
  /** RDS Proxy; its certificate is signed by a public authority, which `caFile` does not hold. */
  readonly pooler?: { readonly host: pulumi.Output<string>; readonly port: number };
  /** The tenant's own name for the host. No certificate carries it: `sslmode=verify-full` takes `host`. */
  readonly domain?: string;
  /** What the application's role has to be allowed: `rds-db:connect` on these. */
  readonly iam?: { readonly region: string; readonly loginArns: pulumi.Output<string[]> };
}

/**
 * @param name - of the component; children are `<name>-<role>`
 * @param parent - the component
 * @throws PlatformError with every fault of the settings
 */
export function rdsSilo(name: string, args: RdsSiloArgs, parent: pulumi.Resource): RdsSiloConnection {
  const { foundation, tenant, prefix, secret, settings } = args;
  const { server } = foundation;
  const rotation = args.rotation ?? 0;
  const plan = planRds(`tenant ${tenant}`, settings, server);
  const source = plan.recoverFrom?.tenant;
  const { identifier, finalSnapshot, keyAlias } = rdsNames(prefix, tenant);
  const sourcePrefix = args.recoverFromPrefix ?? prefix;
  const first = source === undefined ? undefined : (args.recoveredNames ?? { prefix: sourcePrefix, tenant: source });
  const names = first === undefined ? postgresNames(prefix, tenant) : postgresNames(first.prefix, first.tenant);
  const tags = rdsTags(prefix, tenant);
  const leaving = args.state === "offboarding";
  const onAws = { parent, provider: foundation.aws, dependsOn: args.dependsOn };

  const kmsKeyArn = plan.ownKey ? ownKey(name, keyAlias, tags, leaving, onAws) : server.kmsKeyArn;
  const made = rdsServer(
    name,
    {
      foundation,
      plan,
      identifier,
      finalSnapshot,
      member: (index) => memberName(prefix, tenant, index),
      recoveredIdentifier: source === undefined ? undefined : rdsNames(sourcePrefix, source).identifier,
      leaving,
      kmsKeyArn,
      tags,
      dependsOn: args.dependsOn,
    },
    parent,
  );

  const provider = providerOnServer(
    `${name}-postgresql`,
    {
      host: made.host,
      port: made.port,
      masterPassword: made.masterPassword,
      caFile: foundation.caFile,
      engineVersion: server.engineVersion,
    },
    { parent, dependsOn: made.ready },
  );
  const onServer = { parent, provider, protect: !leaving, deletedWith: made.server };
  // What a recovered server holds came with it: roles, databases and the provisioner with the other tenant's password.
  const provisioner = passwordOutput(
    secret,
    first?.tenant ?? tenant,
    "postgres/provisioner",
    source === undefined ? rotation : 0,
  );
  const salt = passwordOutput(secret, tenant, "postgres/provisioner/salt", rotation);
  const database = names.schema;
  const ready =
    source === undefined
      ? madeInside(
          name,
          {
            database,
            extensions: args.extensions,
            owner: "provisioner",
            provisionerVerifier: verifierOutput(provisioner, salt),
          },
          onServer,
        )
      : [];

  const inside = args.inside({
    connection: made.host.apply((host) => ({ host, port: made.port, user: provisionerUser, ca: foundation.ca })),
    connectionPassword: provisioner,
    names,
    database,
    recoveredFrom: source,
    options: {
      parent,
      protect: !leaving,
      dependsOn: [...made.ready, ...ready],
      deletedWith: made.server,
    },
  });

  const password = passwordOutput(secret, tenant, "postgres/app", rotation);
  const readOnlyPassword = passwordOutput(secret, tenant, "postgres/read-only", rotation);
  const loginArns = pulumi
    .all([made.arn, made.resourceId])
    .apply(([arn, id]) => [names.appRole, names.readOnlyRole].map((login) => loginArn(arn, id, login)));
  if (server.iamLogins) {
    // With this membership the server asks IAM and takes no password any more.
    for (const [role, login] of [
      ["app", names.appRole],
      ["read-only", names.readOnlyRole],
    ] as const) {
      new postgresql.GrantRole(
        `${name}-iam-${role}`,
        { role: login, grantRole: "rds_iam" },
        { parent, provider, dependsOn: [inside], deletedWith: made.server },
      );
    }
  }
  const pooler =
    foundation.proxySecurityGroupId === undefined
      ? undefined
      : rdsProxy(
          name,
          {
            foundation,
            proxySecurityGroupId: foundation.proxySecurityGroupId,
            made,
            identifier,
            logins: [
              { role: "app", user: names.appRole, password },
              { role: "read-only", user: names.readOnlyRole, password: readOnlyPassword },
            ],
            loginArns: server.iamLogins ? loginArns : undefined,
            kmsKeyArn,
            tags,
          },
          parent,
        );
  if (plan.domain !== undefined && server.hostedZoneId !== undefined) {
    new route53.Record(
      `${name}-domain`,
      { zoneId: server.hostedZoneId, name: plan.domain, type: "CNAME", ttl: recordSeconds, records: [made.host] },
      onAws,
    );
  }
  return {
    host: made.host,
    port: made.port,
    database,
    schema: names.schema,
    user: names.appRole,
    readOnlyUser: names.readOnlyRole,
    caFile: foundation.caFile,
    ...(server.iamLogins ? { iam: { region: server.region, loginArns } } : { password, readOnlyPassword }),
    ...(pooler === undefined ? {} : { pooler: { host: pooler, port: postgresPort } }),
    ...(plan.domain === undefined ? {} : { domain: plan.domain }),
  };
}

function ownKey(
  name: string,
  alias: string,
  tags: Record<string, string>,
  leaving: boolean,
  options: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  const key = new kms.Key(
    `${name}-key`,
    {
      description: `Database of the tenant ${tags["tenancy:tenant"] ?? name}`,
      enableKeyRotation: true,
      deletionWindowInDays: keyDeletionDays,
      tags,
    },
    pulumi.mergeOptions(options, { protect: !leaving }),
  );
  new kms.Alias(`${name}-key-alias`, { name: alias, targetKeyId: key.keyId }, options);
  return key.arn;
}
