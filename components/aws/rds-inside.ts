/** On a server that this very update makes: the provisioner, the database and its extensions, by `@pulumi/postgresql`. */
import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import { scramVerifier } from "../../provider/postgres/scram.ts";
import { masterUser, provisionerUser } from "./rds-names.ts";

/** The plugin opens them as it needs them and keeps none. */
const mostConnections = 4;
const connectSeconds = 60;
const saltBytes = 16;

export interface ProviderOnServerArgs {
  readonly host: pulumi.Input<string>;
  readonly port: pulumi.Input<number>;
  /** Secret: of the master user, as Secrets Manager has it now. */
  readonly masterPassword: pulumi.Output<string>;
  /** Absolute path of the authorities that signed the server's certificate. */
  readonly caFile: string;
  /** As in `18` or `18.1`. */
  readonly engineVersion: string;
}

/**
 * A provider bound to the new server's outputs: it connects when the server is there, verifies its name and its
 * certificate, and never takes a server from the environment.
 */
export function providerOnServer(
  name: string,
  args: ProviderOnServerArgs,
  options: pulumi.ResourceOptions,
): postgresql.Provider {
  return new postgresql.Provider(
    name,
    {
      host: args.host,
      port: args.port,
      username: masterUser,
      password: pulumi.secret(args.masterPassword),
      database: "postgres",
      sslmode: "verify-full",
      sslrootcert: args.caFile,
      superuser: false,
      expectedVersion: `${Number.parseInt(args.engineVersion, 10)}.0.0`,
      connectTimeout: connectSeconds,
      maxConnections: mostConnections,
    },
    options,
  );
}

export interface MadeInsideArgs {
  readonly database: string;
  /** Made in the schema `extensions` of the database. */
  readonly extensions: readonly string[];
  /**
   * Owner of the database: the provisioner where the database is one tenant's, so that it can be marked and closed; the
   * master user where many tenants share it, so that the provisioner has no more than its grants.
   */
  readonly owner: "provisioner" | "master";
  /** Secret: SCRAM verifier of the provisioner's password. */
  readonly provisionerVerifier: pulumi.Output<string>;
}

/** @returns what has to be there before anything else in the database */
export function madeInside(
  name: string,
  args: MadeInsideArgs,
  options: pulumi.CustomResourceOptions,
): pulumi.CustomResource[] {
  const provisioner = new postgresql.Role(
    `${name}-provisioner`,
    {
      name: provisionerUser,
      login: true,
      createRole: true,
      createDatabase: args.owner === "provisioner",
      password: args.provisionerVerifier,
    },
    // Who makes a role is a member of it: each tenant's would be taken away from the provisioner by the next update.
    pulumi.mergeOptions(options, { ignoreChanges: ["roles"] }),
  );
  // CREATE EXTENSION wants rights on the database: the master user has them as a member of its owner.
  const membership =
    args.owner === "provisioner"
      ? [
          new postgresql.GrantRole(
            `${name}-master-membership`,
            { role: masterUser, grantRole: provisioner.name },
            // Who makes a role holds ADMIN on it by a second grant, which the plugin reads as a change of this one.
            pulumi.mergeOptions(options, { ignoreChanges: ["withAdminOption"] }),
          ),
        ]
      : [];
  // The native provider works on in a tenant's own: it sets the limit of connections, and drops the database.
  const handedOver: pulumi.CustomResourceOptions = args.owner === "provisioner" ? { retainOnDelete: true } : {};
  const limited: pulumi.CustomResourceOptions =
    args.owner === "provisioner" ? { ignoreChanges: ["connectionLimit"] } : {};
  const database = new postgresql.Database(
    `${name}-postgresql-database`,
    { name: args.database, owner: args.owner === "provisioner" ? provisioner.name : masterUser },
    pulumi.mergeOptions(options, { dependsOn: membership, ...handedOver, ...limited }),
  );
  const inDatabase = pulumi.mergeOptions(options, { dependsOn: [database] });
  const inTenants = pulumi.mergeOptions(inDatabase, handedOver);
  const grants = args.owner === "master" ? sharedGrants(name, args.database, provisioner.name, inDatabase) : [];
  const schema = new postgresql.Schema(
    `${name}-extensions`,
    {
      name: "extensions",
      database: database.name,
      owner: args.owner === "provisioner" ? provisioner.name : masterUser,
    },
    pulumi.mergeOptions(inTenants, { dependsOn: grants }),
  );
  const extensions = args.extensions.map(
    (extension) =>
      new postgresql.Extension(
        `${name}-extension-${extension}`,
        { name: extension, database: database.name, schema: schema.name },
        inTenants,
      ),
  );
  return [provisioner, ...membership, database, ...grants, schema, ...extensions];
}

/** As the Baseline wants them in a shared database: nothing for everybody, and what the provisioner hands on. */
function sharedGrants(
  name: string,
  database: string,
  provisioner: pulumi.Output<string>,
  options: pulumi.CustomResourceOptions,
): postgresql.Grant[] {
  const everybody = new postgresql.Grant(
    `${name}-public`,
    { role: "public", database, objectType: "database", privileges: [] },
    options,
  );
  // One after the other: grants on one object from two connections fail with "tuple concurrently updated".
  const handedOn = new postgresql.Grant(
    `${name}-provisioner-grant`,
    {
      role: provisioner,
      database,
      objectType: "database",
      privileges: ["CONNECT", "CREATE"],
      withGrantOption: true,
    },
    pulumi.mergeOptions(options, { dependsOn: [everybody] }),
  );
  return [everybody, handedOn];
}

/**
 * What PostgreSQL stores of a password, so that the password itself is in no statement, no log of the server and no
 * state of the role. The salt comes from the stack's secret: the same password gives the same verifier.
 *
 * @param salt - secret text of 22 or more characters of base64url
 */
export function verifierOutput(password: pulumi.Output<string>, salt: pulumi.Output<string>): pulumi.Output<string> {
  const known = pulumi.all([password, salt]);
  return pulumi.secret(
    known.apply(([text, from]) => scramVerifier(text, Buffer.from(from, "base64url").subarray(0, saltBytes))),
  );
}
