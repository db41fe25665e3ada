/** `tenancy`: the command line. */
import { Command } from "commander";
import { checkCommand } from "./commands/check.ts";
import { credentialsCommand } from "./commands/credentials.ts";
import { driftCommand } from "./commands/drift.ts";
import { editCommands } from "./commands/edit.ts";
import { engineCommand } from "./commands/engine.ts";
import { lintCommand } from "./commands/lint.ts";
import { migrationsCommand } from "./commands/migrations.ts";
import { adoptCommand, operationCommands } from "./commands/operations.ts";
import { planCommand } from "./commands/plan.ts";
import { poolCheckCommand } from "./commands/pool-check.ts";
import { retentionCommand } from "./commands/retention.ts";
import { statusCommand } from "./commands/status.ts";
import { vectorsCommand } from "./commands/vectors.ts";
import { verifyCommand } from "./commands/verify.ts";
import { verifyNamespacesCommand } from "./commands/verify-namespaces.ts";
import { runMain } from "./run-main.ts";

const program = new Command("tenancy")
  .description("Every tenant of a platform in its own, isolated place in every data store.")
  .showHelpAfterError("(--help shows what there is)");
const commands = [
  checkCommand(),
  lintCommand(),
  planCommand(),
  ...editCommands(),
  ...operationCommands(),
  statusCommand(),
  migrationsCommand(),
  verifyCommand(),
  verifyNamespacesCommand(),
  driftCommand(),
  poolCheckCommand(),
  retentionCommand(),
  vectorsCommand(),
  credentialsCommand(),
  adoptCommand(),
  engineCommand(),
];
for (const command of commands) program.addCommand(command);

await runMain(() => program.parseAsync());
