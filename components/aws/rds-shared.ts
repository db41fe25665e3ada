import * as pulumi from "@pulumi/pulumi";
import type { PostgresServer } from "../../provider/config.ts";
import { PlatformError } from "../platform-error.ts";
import { passwordOutput } from "../secrets.ts";
import type { RdsFoundation } from "./rds-foundation.ts";
import { madeInside, providerOnServer, verifierOutput } from "./rds-inside.ts";
import { masterUser, provisionerUser } from "./rds-names.ts";
import { planRds, type RdsSettings } from "./rds-plan.ts";
import { rdsServer } from "./rds-server.ts";

/** Letters, digits and single hyphens, with room for what is appended. */
const identifierPattern = /^[a-z](-?[a-z0-9]){0,49}$/;

export interface RdsSharedServerArgs {
  readonly foundation: RdsFoundation;
  /** Name of the server on Amazon RDS. **Replaces.** */
  readonly identifier: string;
  /** The database that many tenants' schemas lie in. **Replaces.** */
  readonly database: string;
  /** Extensions that templates of its tenants need. */
  readonly extensions: readonly string[];
  readonly settings: Pick<RdsSettings, "storageSize" | "replicas" | "instanceClass" | "backup">;
  /** Secret of the stack that the provisioner's password is derived from. */
  readonly secret: pulumi.Output<string>;
  /**
   * Counter of the provisioner's password.
   * @default 0
   */
  readonly rotation?: number;
  /**
   * Whether the server may be deleted: recorded by one update before it is.
   * @default false
   */
  readonly leaving?: boolean;
}

/**
 * A PostgreSQL server of the platform's on Amazon RDS, for the schemas of many tenants.
 *
 * @example
 * const shared = new RdsSharedServer("eu-shared", { foundation, identifier: "tenants", database: "tenants", … });
 * new TenancyProvider("platform", { config: pulumi.jsonStringify({ platform: { postgres: { main: shared.server } }, … }) });
 */
export class RdsSharedServer extends pulumi.ComponentResource {
  readonly host: pulumi.Output<string>;
  /** Secret: the entry of the platform's PostgreSQL servers, for the native provider. */
  readonly server: pulumi.Output<PostgresServer>;
  /** What has to be there before the native provider connects. */
  readonly ready: pulumi.Resource[];

  constructor(name: string, args: RdsSharedServerArgs, options?: pulumi.ComponentResourceOptions) {
    const plan = planShared(name, args);
    super("tenancy:index:RdsSharedServer", name, {}, options);
    const { foundation, secret } = args;
    const rotation = args.rotation ?? 0;
    const leaving = args.leaving ?? false;
    const made = rdsServer(
      name,
      {
        foundation,
        plan,
        identifier: args.identifier,
        finalSnapshot: `${args.identifier}-final`,
        member: (index) => `${args.identifier}-${index}`,
        leaving,
        kmsKeyArn: foundation.server.kmsKeyArn,
        tags: { "tenancy:server": name },
      },
      this,
    );
    const provider = providerOnServer(
      `${name}-postgresql`,
      {
        host: made.host,
        port: made.port,
        masterPassword: made.masterPassword,
        caFile: foundation.caFile,
        engineVersion: foundation.server.engineVersion,
      },
      { parent: this, dependsOn: made.ready },
    );
    // A purpose that no tenant's secret has: a server may be named like a tenant.
    const password = passwordOutput(secret, name, "server/provisioner", rotation);
    const salt = passwordOutput(secret, name, "server/provisioner/salt", rotation);
    const inside = madeInside(
      name,
      {
        database: args.database,
        extensions: args.extensions,
        owner: "master",
        provisionerVerifier: verifierOutput(password, salt),
      },
      { parent: this, provider, protect: !leaving, deletedWith: made.server },
    );
    this.host = made.host;
    this.ready = [...made.ready, ...inside];
    this.server = pulumi.secret(
      pulumi.all([made.host, made.masterPassword, password]).apply(([host, master, provisioner]) => ({
        host,
        port: made.port,
        database: args.database,
        admin: { user: masterUser, password: master },
        provisioner: { user: provisionerUser, password: provisioner },
        ca: foundation.ca,
      })),
    );
    this.registerOutputs({ host: this.host, server: this.server });
  }
}

function planShared(name: string, { identifier, settings, foundation }: RdsSharedServerArgs) {
  if (!identifierPattern.test(identifier)) {
    throw new PlatformError(
      `server ${name}: "${identifier}" is no identifier; allowed are at most 50 lower-case letters, digits and single ` +
        `hyphens, a letter first and no hyphen last`,
    );
  }
  return planRds(`server ${name}`, { ...settings, encryptionKey: "platform" }, foundation.server);
}
