import * as pulumi from "@pulumi/pulumi";
import { Neo4jDatabase } from "../provider/resources.ts";
import { neo4jNames } from "./naming.ts";
import { passwordOutput } from "./secrets.ts";
import { childOptions, type TenantLoginArgs } from "./tenant-args.ts";

export type TenantNeo4jDbArgs = TenantLoginArgs;

/**
 * A tenant's graph database: on a shared Neo4j Enterprise server a database with a role and a user of its own, else an
 * instance of Neo4j Community of its own. The platform's server decides.
 *
 * @example
 * new TenantNeo4jDb("42", { tenant: "42", prefix: "ekn", server: "main", … }, { provider });
 */
export class TenantNeo4jDb extends pulumi.ComponentResource {
  readonly database: Neo4jDatabase;
  /** The database that the application uses: `ekn-42`, or `neo4j` on an instance of its own. */
  readonly databaseName: pulumi.Output<string>;
  /** `ekn_42_app`, or `neo4j` on an instance of its own. */
  readonly username: pulumi.Output<string>;
  /** Secret. */
  readonly password: pulumi.Output<string>;
  /** `bolt+s://…` or `neo4j+s://…`, without a login. */
  readonly uri: pulumi.Output<string>;

  constructor(name: string, args: TenantNeo4jDbArgs, options?: pulumi.ComponentResourceOptions) {
    super("tenancy:index:TenantNeo4jDb", name, {}, options);

    this.database = new Neo4jDatabase(
      `${name}-database`,
      {
        ...neo4jNames(args.prefix, args.tenant),
        server: args.server,
        tenant: args.tenant,
        state: args.state,
        backupWaiver: args.backupWaiver,
        password: passwordOutput(args.secret, args.tenant, "neo4j", args.rotation ?? 0),
      },
      childOptions(this, args),
    );

    this.databaseName = this.database.loginDatabase;
    this.username = this.database.loginUser;
    this.password = pulumi.secret(this.database.password);
    this.uri = this.database.uri;
    this.registerOutputs({
      databaseName: this.databaseName,
      username: this.username,
      password: this.password,
      uri: this.uri,
    });
  }
}
