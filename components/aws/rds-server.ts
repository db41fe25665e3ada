/** An instance or an Aurora cluster on Amazon RDS, and the login that AWS keeps for it. */
import * as rds from "@pulumi/aws/rds/index.js";
import * as secretsmanager from "@pulumi/aws/secretsmanager/index.js";
import * as pulumi from "@pulumi/pulumi";
import type { RdsFoundation } from "./rds-foundation.ts";
import { masterUser, postgresPort } from "./rds-names.ts";
import type { RdsPlan } from "./rds-plan.ts";

const monitoringSeconds = 60;
/** The free period of Performance Insights, in days. */
const insightsDays = 7;

export interface RdsServerArgs {
  readonly foundation: RdsFoundation;
  readonly plan: RdsPlan;
  /** Of the instance or the cluster. **Replaces.** */
  readonly identifier: string;
  readonly finalSnapshot: string;
  /** Identifier of an instance of a cluster, from 1. */
  readonly member: (index: number) => string;
  /** Identifier of the server that `plan.recoverFrom` names. */
  readonly recoveredIdentifier?: string;
  /** Whether the server may be deleted. */
  readonly leaving: boolean;
  /** Key of storage, backups, the master's secret and Performance Insights; left out: keys of AWS. **Replaces.** */
  readonly kmsKeyArn?: pulumi.Input<string>;
  readonly tags: Readonly<Record<string, string>>;
  /** What has to be there before the server. */
  readonly dependsOn?: pulumi.Input<pulumi.Resource>[];
}

/** What is made on the server needs to know. */
export interface RdsMade {
  /** With it all that lies inside is gone. */
  readonly server: pulumi.CustomResource;
  /** What has to be there before a connection. */
  readonly ready: pulumi.CustomResource[];
  readonly cluster: boolean;
  readonly host: pulumi.Output<string>;
  readonly port: number;
  readonly arn: pulumi.Output<string>;
  /** As IAM names the server in `rds-db:connect`. */
  readonly resourceId: pulumi.Output<string>;
  /** Secret: of the master user, as Secrets Manager has it now. */
  readonly masterPassword: pulumi.Output<string>;
}

export function rdsServer(name: string, args: RdsServerArgs, parent: pulumi.Resource): RdsMade {
  const options = { parent, provider: args.foundation.aws, protect: !args.leaving, dependsOn: args.dependsOn };
  return args.foundation.server.engine === "postgres" ? instance(name, args, options) : cluster(name, args, options);
}

interface Options {
  readonly parent: pulumi.Resource;
  readonly provider: pulumi.ProviderResource;
  readonly protect: boolean;
  readonly dependsOn?: pulumi.Input<pulumi.Resource>[];
}

function instance(name: string, args: RdsServerArgs, options: Options): RdsMade {
  const { plan, foundation } = args;
  const made = new rds.Instance(
    `${name}-instance`,
    {
      ...shared(args),
      ...machine(args),
      identifier: args.identifier,
      instanceClass: plan.instanceClass,
      username: masterUser,
      parameterGroupName: foundation.parameterGroupName,
      allocatedStorage: plan.storageGiB,
      maxAllocatedStorage: plan.maxStorageGiB,
      storageType: "gp3",
      multiAz: plan.replicas > 0,
      backupWindow: plan.backupWindow,
      enabledCloudwatchLogsExports: ["postgresql", "upgrade", ...iamLog(args)],
      ...(plan.recoverFrom === undefined
        ? {}
        : {
            restoreToPointInTime: {
              sourceDbInstanceIdentifier: args.recoveredIdentifier,
              restoreTime: plan.recoverFrom.time,
            },
          }),
    },
    options,
  );
  return {
    server: made,
    ready: [made],
    cluster: false,
    host: made.address,
    port: postgresPort,
    arn: made.arn,
    resourceId: made.resourceId,
    masterPassword: masterPassword(made.masterUserSecrets, options),
  };
}

function cluster(name: string, args: RdsServerArgs, options: Options): RdsMade {
  const { plan, foundation } = args;
  const { maintenanceWindow, ...common } = shared(args);
  const made = new rds.Cluster(
    `${name}-cluster`,
    {
      ...common,
      clusterIdentifier: args.identifier,
      engineMode: "provisioned",
      masterUsername: masterUser,
      dbClusterParameterGroupName: foundation.parameterGroupName,
      preferredBackupWindow: plan.backupWindow,
      preferredMaintenanceWindow: maintenanceWindow,
      serverlessv2ScalingConfiguration: foundation.server.serverless,
      enabledCloudwatchLogsExports: ["postgresql", ...iamLog(args)],
      ...(plan.recoverFrom === undefined || args.recoveredIdentifier === undefined
        ? {}
        : {
            restoreToPointInTime: {
              sourceClusterIdentifier: args.recoveredIdentifier,
              restoreToTime: plan.recoverFrom.time,
              restoreType: "full-copy",
            },
          }),
    },
    options,
  );
  // They hold no data: a reader may go again.
  const members = Array.from({ length: plan.replicas + 1 }, (_, index) => {
    const { caCertIdentifier, publiclyAccessible, autoMinorVersionUpgrade, ...monitoring } = machine(args);
    return new rds.ClusterInstance(
      `${name}-member-${index + 1}`,
      {
        ...monitoring,
        caCertIdentifier,
        publiclyAccessible,
        autoMinorVersionUpgrade,
        identifier: args.member(index + 1),
        clusterIdentifier: made.id,
        engine: "aurora-postgresql",
        engineVersion: foundation.server.engineVersion,
        instanceClass: plan.instanceClass,
        dbSubnetGroupName: foundation.subnetGroupName,
        preferredMaintenanceWindow: maintenanceWindow,
        copyTagsToSnapshot: true,
        applyImmediately: common.applyImmediately,
        tags: args.tags,
      },
      { ...options, protect: false },
    );
  });
  return {
    server: made,
    ready: [made, ...members],
    cluster: true,
    host: made.endpoint,
    port: postgresPort,
    arn: made.arn,
    resourceId: made.clusterResourceId,
    masterPassword: masterPassword(made.masterUserSecrets, options),
  };
}

/** What instance and cluster name alike. */
function shared({ foundation, plan, leaving, kmsKeyArn, finalSnapshot, tags }: RdsServerArgs) {
  const { server } = foundation;
  return {
    engine: server.engine,
    engineVersion: server.engineVersion,
    allowMajorVersionUpgrade: false,
    port: postgresPort,
    dbSubnetGroupName: foundation.subnetGroupName,
    vpcSecurityGroupIds: [foundation.securityGroupId],
    storageEncrypted: true,
    kmsKeyId: kmsKeyArn,
    manageMasterUserPassword: true,
    masterUserSecretKmsKeyId: kmsKeyArn,
    iamDatabaseAuthenticationEnabled: server.iamLogins,
    backupRetentionPeriod: plan.backupRetentionDays,
    maintenanceWindow: server.maintenanceWindow,
    copyTagsToSnapshot: true,
    deleteAutomatedBackups: true,
    deletionProtection: !leaving,
    skipFinalSnapshot: false,
    finalSnapshotIdentifier: finalSnapshot,
    applyImmediately: server.changes === "immediately",
    tags,
  };
}

/** What belongs to a machine: the instance, or each of a cluster. */
function machine({ foundation: { server }, kmsKeyArn }: RdsServerArgs) {
  return {
    publiclyAccessible: false,
    caCertIdentifier: server.caCertificate,
    autoMinorVersionUpgrade: true,
    performanceInsightsEnabled: true,
    performanceInsightsKmsKeyId: kmsKeyArn,
    performanceInsightsRetentionPeriod: insightsDays,
    ...(server.monitoringRoleArn === undefined
      ? {}
      : { monitoringRoleArn: server.monitoringRoleArn, monitoringInterval: monitoringSeconds }),
  };
}

function iamLog({ foundation }: RdsServerArgs): string[] {
  return foundation.server.iamLogins ? ["iam-db-auth-error"] : [];
}

/** Read in each update, since AWS changes it every week: a copy in the configuration would be an old one. */
function masterPassword(
  secrets: pulumi.Output<readonly { readonly secretArn: string }[]>,
  { parent, provider }: Options,
): pulumi.Output<string> {
  const secretId = secrets.apply(([first]) => {
    if (first === undefined) throw new Error("Amazon RDS named no secret of the master user");
    return first.secretArn;
  });
  const { secretString } = secretsmanager.getSecretVersionOutput({ secretId }, { parent, provider });
  return pulumi.secret(secretString.apply(passwordOf));
}

function passwordOf(text: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The reason of JSON.parse quotes the text.
    parsed = undefined;
  }
  const password = typeof parsed === "object" && parsed !== null && "password" in parsed ? parsed.password : undefined;
  if (typeof password !== "string") throw new Error("the secret of the master user holds no password");
  return password;
}
