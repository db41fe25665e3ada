import * as pulumi from "@pulumi/pulumi";
import { Neo4jDatabase } from "../provider/resources.ts";
import { neo4jNames } from "./naming.ts";
import { passwordOutput } from "./secrets.ts";
import { childOptions, type TenantLoginArgs } from "./tenant-args.ts";

export interface TenantNeo4jDbArgs extends TenantLoginArgs {
  /**
   * Makes an instance of the tenant's own below this component, where the server is a Kubernetes cluster; it stands
   * beside the code of its cloud, so that only a stack that uses the cloud loads it.
   * @default none: the native provider works on the server
   */
  readonly instance?: (parent: pulumi.Resource) => Neo4jInstanceOutputs | undefined;
}

/** What an instance of the tenant's own tells. */
export interface Neo4jInstanceOutputs extends pulumi.Resource {
  readonly uri: pulumi.Output<string>;
  readonly database: pulumi.Output<string>;
  readonly username: pulumi.Output<string>;
  /** Secret. */
  readonly password: pulumi.Output<string>;
  /** PEM text of the authority that signed the server's certificate. */
  readonly ca: pulumi.Output<string>;
}

/**
 * A tenant's graph database: on a shared Neo4j Enterprise server a database with a role and a user of its own, else an
 * instance of Neo4j Community of its own. The platform's server decides.
 *
 * @example
 * new TenantNeo4jDb("42", { tenant: "42", prefix: "ekn", server: "main", … }, { provider });
 */
export class TenantNeo4jDb extends pulumi.ComponentResource {
  /** The database that the application uses: `ekn-42`, or `neo4j` on an instance of its own. */
  readonly databaseName: pulumi.Output<string>;
  /** `ekn_42_app`, or `neo4j` on an instance of its own. */
  readonly username: pulumi.Output<string>;
  /** Secret. */
  readonly password: pulumi.Output<string>;
  /** `bolt+s://…` or `neo4j+s://…`, without a login. */
  readonly uri: pulumi.Output<string>;
  /** PEM text of the authority, where the platform's configuration does not have it. */
  readonly ca?: pulumi.Output<string>;
  /** What has to be registered before the tenant is. */
  readonly resources: readonly pulumi.Resource[];

  constructor(name: string, args: TenantNeo4jDbArgs, options?: pulumi.ComponentResourceOptions) {
    super("tenancy:index:TenantNeo4jDb", name, {}, options);

    const instance = args.instance?.(this);
    if (instance === undefined) {
      const database = nativeDatabase(name, args, this);
      this.databaseName = database.loginDatabase;
      this.username = database.loginUser;
      this.password = pulumi.secret(database.password);
      this.uri = database.uri;
      this.resources = [database];
    } else {
      this.databaseName = instance.database;
      this.username = instance.username;
      this.password = pulumi.secret(instance.password);
      this.uri = instance.uri;
      this.ca = instance.ca;
      this.resources = [instance];
    }
    this.registerOutputs({
      databaseName: this.databaseName,
      username: this.username,
      password: this.password,
      uri: this.uri,
      ca: this.ca,
    });
  }
}

function nativeDatabase(name: string, args: TenantNeo4jDbArgs, parent: pulumi.Resource): Neo4jDatabase {
  return new Neo4jDatabase(
    `${name}-database`,
    {
      ...neo4jNames(args.prefix, args.tenant),
      server: args.server,
      tenant: args.tenant,
      state: args.state,
      backupWaiver: args.backupWaiver,
      password: passwordOutput(args.secret, args.tenant, "neo4j", args.rotation ?? 0),
    },
    childOptions(parent, args),
  );
}
