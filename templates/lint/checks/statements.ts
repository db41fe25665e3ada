/** Kinds of statements: what is not on the list below is refused before anything runs. */
import type { RuleId } from "../catalogue.ts";
import type { FileContext, Finding, Statement } from "../rule.ts";
import { list, nodesOf, text } from "../tree.ts";

/** Statements whose every part the other checks go through. */
const allowed: Readonly<Record<string, string>> = {
  CreateStmt: "CREATE TABLE",
  IndexStmt: "CREATE INDEX",
  CreateSeqStmt: "CREATE SEQUENCE",
  AlterSeqStmt: "ALTER SEQUENCE",
  CreateEnumStmt: "CREATE TYPE … AS ENUM",
  AlterEnumStmt: "ALTER TYPE … ADD VALUE",
  CompositeTypeStmt: "CREATE TYPE … AS",
  CreateRangeStmt: "CREATE TYPE … AS RANGE",
  CreateDomainStmt: "CREATE DOMAIN",
  AlterDomainStmt: "ALTER DOMAIN",
  ViewStmt: "CREATE VIEW",
  CreateTrigStmt: "CREATE TRIGGER",
  CreateStatsStmt: "CREATE STATISTICS",
  CreatePolicyStmt: "CREATE POLICY",
  AlterPolicyStmt: "ALTER POLICY",
  InsertStmt: "INSERT",
  UpdateStmt: "UPDATE",
  DeleteStmt: "DELETE",
  MergeStmt: "MERGE",
  SelectStmt: "SELECT",
  AlterTableStmt: "ALTER TABLE",
  CreateFunctionStmt: "CREATE FUNCTION",
  DropStmt: "DROP",
  RenameStmt: "ALTER … RENAME",
  CommentStmt: "COMMENT",
};

/** Names of refused statements, where the parser's own would not be understood, the rule, and the reason. */
const refused: Readonly<Record<string, readonly [statement: string, rule: RuleId, reason: string]>> = {
  TransactionStmt: [
    "transaction control",
    "transaction-control",
    "every file runs inside of the tenant's one transaction",
  ],
  VariableSetStmt: [
    "SET",
    "set-setting",
    "settings and roles are set by the tool, and a change would outlive the file",
  ],
  ConstraintsSetStmt: [
    "SET CONSTRAINTS",
    "set-constraints",
    "the tool checks all constraints before it leaves the owner's role",
  ],
  GrantStmt: ["GRANT or REVOKE", "grant", "the tenant's roles get their rights by default privileges"],
  GrantRoleStmt: ["GRANT or REVOKE of a role", "role-statement", "memberships are the provisioner's"],
  AlterDefaultPrivilegesStmt: ["ALTER DEFAULT PRIVILEGES", "default-privileges", "the tool sets them"],
  CreateRoleStmt: ["CREATE ROLE", "role-statement", "roles are the provisioner's"],
  AlterRoleStmt: ["ALTER ROLE", "role-statement", "roles are the provisioner's"],
  AlterRoleSetStmt: ["ALTER ROLE … SET", "role-statement", "roles are the provisioner's"],
  DropRoleStmt: ["DROP ROLE", "role-statement", "roles are the provisioner's"],
  DropOwnedStmt: ["DROP OWNED", "role-statement", "it would take away what the tool manages"],
  ReassignOwnedStmt: ["REASSIGN OWNED", "change-owner", "the schema's owner owns everything in it"],
  AlterOwnerStmt: ["ALTER … OWNER", "change-owner", "the schema's owner owns everything in it"],
  CreateSchemaStmt: ["CREATE SCHEMA", "schema-statement", "a tenant has the one schema that the file runs in"],
  AlterObjectSchemaStmt: ["ALTER … SET SCHEMA", "schema-statement", "objects stay in the tenant's schema"],
  CreatedbStmt: ["CREATE DATABASE", "database-statement", "databases belong to the platform"],
  AlterDatabaseStmt: ["ALTER DATABASE", "database-statement", "databases belong to the platform"],
  AlterDatabaseSetStmt: ["ALTER DATABASE … SET", "database-statement", "databases belong to the platform"],
  AlterDatabaseRefreshCollStmt: ["ALTER DATABASE", "database-statement", "databases belong to the platform"],
  DropdbStmt: ["DROP DATABASE", "database-statement", "databases belong to the platform"],
  CreateExtensionStmt: [
    "CREATE EXTENSION",
    "extension-statement",
    "name it under `extensions` of template.yaml: the Baseline makes it",
  ],
  AlterExtensionStmt: ["ALTER EXTENSION", "extension-statement", "extensions are the Baseline's"],
  AlterExtensionContentsStmt: ["ALTER EXTENSION", "extension-statement", "extensions are the Baseline's"],
  AlterSystemStmt: ["ALTER SYSTEM", "server-statement", "it changes the whole server"],
  CheckPointStmt: ["CHECKPOINT", "server-statement", "it holds up the whole server"],
  LoadStmt: ["LOAD", "server-statement", "it loads code into the server"],
  CreatePLangStmt: ["CREATE LANGUAGE", "server-statement", "languages belong to the platform"],
  CreateTableSpaceStmt: ["CREATE TABLESPACE", "server-statement", "tablespaces belong to the platform"],
  CreateCastStmt: ["CREATE CAST", "server-statement", "a cast works for the whole database"],
  CreateEventTrigStmt: ["CREATE EVENT TRIGGER", "event-trigger", "it fires for other tenants"],
  CreateForeignServerStmt: ["CREATE SERVER", "foreign-data", "it reaches out of the database"],
  CreateForeignTableStmt: ["CREATE FOREIGN TABLE", "foreign-data", "it reaches out of the database"],
  ImportForeignSchemaStmt: ["IMPORT FOREIGN SCHEMA", "foreign-data", "it reaches out of the database"],
  CreateUserMappingStmt: ["CREATE USER MAPPING", "foreign-data", "it reaches out of the database"],
  CreateFdwStmt: ["CREATE FOREIGN DATA WRAPPER", "foreign-data", "it reaches out of the database"],
  CreatePublicationStmt: ["CREATE PUBLICATION", "replication", "it reaches out of the database"],
  CreateSubscriptionStmt: ["CREATE SUBSCRIPTION", "replication", "it reaches out of the database"],
  DefineStmt: [
    "CREATE AGGREGATE, OPERATOR or base type",
    "define-object",
    "it takes functions that the check cannot follow",
  ],
  RuleStmt: ["CREATE RULE", "rewrite-rule", "it rewrites statements of others; use a trigger"],
  CopyStmt: ["COPY", "copy", "it reads and writes files and programs of the server; use INSERT"],
  DoStmt: ["DO", "do-block", "its code cannot be followed; write the statements themselves"],
  CallStmt: ["CALL", "call", "a procedure can end the transaction"],
  NotifyStmt: ["NOTIFY", "notify", "its channels cross tenants"],
  ListenStmt: ["LISTEN", "notify", "its channels cross tenants"],
  UnlistenStmt: ["UNLISTEN", "notify", "its channels cross tenants"],
  LockStmt: ["LOCK", "lock-table", "the transaction already has the locks it needs"],
  VacuumStmt: ["VACUUM or ANALYZE", "maintenance", "it does not run inside of a transaction"],
  ReindexStmt: ["REINDEX", "maintenance", "it holds the transaction up; run it as maintenance"],
  ClusterStmt: ["CLUSTER", "maintenance", "it holds the transaction up; run it as maintenance"],
  DiscardStmt: ["DISCARD", "session-statement", "it resets the session of the tool"],
  PrepareStmt: ["PREPARE", "session-statement", "its statement outlives the file"],
  ExecuteStmt: ["EXECUTE", "session-statement", "its statement cannot be followed"],
  DeallocateStmt: ["DEALLOCATE", "session-statement", "it changes the session of the tool"],
  ExplainStmt: ["EXPLAIN", "session-statement", "it has no use in a file"],
  DeclareCursorStmt: ["DECLARE CURSOR", "session-statement", "it has no use in a file"],
  CreateTableAsStmt: [
    "CREATE TABLE AS or CREATE MATERIALIZED VIEW",
    "create-table-as",
    "write CREATE TABLE and INSERT … SELECT",
  ],
  TruncateStmt: ["TRUNCATE", "truncate", "a file must not throw a tenant's rows away; use DELETE with a condition"],
  SecLabelStmt: ["SECURITY LABEL", "security-label", "labels belong to the platform"],
};

/** A kind of statement as people write it. */
export function statementName(kind: string): string {
  return allowed[kind] ?? refused[kind]?.[0] ?? kind.replace(/Stmt$/, "");
}

export function isAllowedKind(kind: string): boolean {
  return Object.hasOwn(allowed, kind);
}

export function* statementFindings(statement: Statement, context: FileContext): Generator<Finding> {
  const { kind, node, offset: location } = statement;
  if (isAllowedKind(kind) || (kind === "ReindexStmt" && context.concurrent)) return;
  const reason = `is refused: ${refused[kind]?.[2] ?? "this kind of statement is not among those that a file may have"}`;
  yield { rule: ruleOf(kind, node), reason, location };
}

function ruleOf(kind: string, node: Statement["node"]): RuleId {
  const name = text(node.name);
  if (kind === "VariableSetStmt" && (name === "role" || name === "session_authorization")) return "set-role";
  if (kind === "GrantStmt" && node.is_grant === true && list(node.grantees).length > 0) {
    const open = nodesOf(node.grantees, "RoleSpec").some(({ roletype }) => roletype === "ROLESPEC_PUBLIC");
    if (open) return "grant-to-public";
  }
  return refused[kind]?.[1] ?? "statement-not-listed";
}
