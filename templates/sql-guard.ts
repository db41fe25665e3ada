/**
 * What the SQL of a template or a tenant may do. It comes by pull request and runs inside of the provisioner's
 * transaction, as the schema's owner: so every file is parsed with PostgreSQL's own parser, and a kind of statement
 * that is not on the list below is refused before anything runs.
 */
import { hasSqlDetails, loadModule, parseSync } from "libpg-query";
import { concurrentFaults, transactionFaults } from "./concurrent.ts";
import { functionFaults } from "./sql-guard-functions.ts";
import { astFaults, first, isNode, type Node, type Refusal, text, words } from "./sql-guard-walk.ts";
import { messageOf } from "../provider/message.ts";

export interface GuardFault {
  /** From 1. */
  readonly line: number;
  /** As in `CREATE FUNCTION`. */
  readonly statement: string;
  /** What is refused, why, and what to write instead. */
  readonly reason: string;
}

/** Kinds of objects that DROP, ALTER … RENAME and COMMENT may name: all of them lie inside of the schema. */
const ownObjects = new Set([
  "OBJECT_TABLE",
  "OBJECT_INDEX",
  "OBJECT_VIEW",
  "OBJECT_MATVIEW",
  "OBJECT_SEQUENCE",
  "OBJECT_TYPE",
  "OBJECT_DOMAIN",
  "OBJECT_FUNCTION",
  "OBJECT_TRIGGER",
  "OBJECT_POLICY",
  "OBJECT_COLUMN",
  "OBJECT_ATTRIBUTE",
  "OBJECT_TABCONSTRAINT",
  "OBJECT_DOMCONSTRAINT",
  "OBJECT_STATISTIC_EXT",
]);

/** Statements whose every part is checked by the walk; the others have a rule of their own in `statementRules`. */
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

/** Names of refused statements, where the parser's own would not be understood, and the reason. */
const refused: Readonly<Record<string, readonly [statement: string, reason: string]>> = {
  TransactionStmt: ["transaction control", "every file runs inside of the tenant's one transaction"],
  VariableSetStmt: ["SET", "settings and roles are set by the tool, and a change would outlive the file"],
  ConstraintsSetStmt: ["SET CONSTRAINTS", "the tool checks all constraints before it leaves the owner's role"],
  GrantStmt: ["GRANT or REVOKE", "the tenant's roles get their rights by default privileges"],
  GrantRoleStmt: ["GRANT or REVOKE of a role", "memberships are the provisioner's"],
  AlterDefaultPrivilegesStmt: ["ALTER DEFAULT PRIVILEGES", "the tool sets them"],
  CreateRoleStmt: ["CREATE ROLE", "roles are the provisioner's"],
  AlterRoleStmt: ["ALTER ROLE", "roles are the provisioner's"],
  AlterRoleSetStmt: ["ALTER ROLE … SET", "roles are the provisioner's"],
  DropRoleStmt: ["DROP ROLE", "roles are the provisioner's"],
  DropOwnedStmt: ["DROP OWNED", "it would take away what the tool manages"],
  ReassignOwnedStmt: ["REASSIGN OWNED", "the schema's owner owns everything in it"],
  AlterOwnerStmt: ["ALTER … OWNER", "the schema's owner owns everything in it"],
  CreateSchemaStmt: ["CREATE SCHEMA", "a tenant has the one schema that the file runs in"],
  AlterObjectSchemaStmt: ["ALTER … SET SCHEMA", "objects stay in the tenant's schema"],
  CreatedbStmt: ["CREATE DATABASE", "databases belong to the platform"],
  AlterDatabaseStmt: ["ALTER DATABASE", "databases belong to the platform"],
  AlterDatabaseSetStmt: ["ALTER DATABASE … SET", "databases belong to the platform"],
  DropdbStmt: ["DROP DATABASE", "databases belong to the platform"],
  CreateExtensionStmt: ["CREATE EXTENSION", "name it under `extensions` of template.yaml: the Baseline makes it"],
  AlterExtensionStmt: ["ALTER EXTENSION", "extensions are the Baseline's"],
  AlterExtensionContentsStmt: ["ALTER EXTENSION", "extensions are the Baseline's"],
  AlterSystemStmt: ["ALTER SYSTEM", "it changes the whole server"],
  CreateEventTrigStmt: ["CREATE EVENT TRIGGER", "it fires for other tenants"],
  CreateForeignServerStmt: ["CREATE SERVER", "it reaches out of the database"],
  CreateForeignTableStmt: ["CREATE FOREIGN TABLE", "it reaches out of the database"],
  ImportForeignSchemaStmt: ["IMPORT FOREIGN SCHEMA", "it reaches out of the database"],
  CreateUserMappingStmt: ["CREATE USER MAPPING", "it reaches out of the database"],
  CreateFdwStmt: ["CREATE FOREIGN DATA WRAPPER", "it reaches out of the database"],
  CreatePublicationStmt: ["CREATE PUBLICATION", "it reaches out of the database"],
  CreateSubscriptionStmt: ["CREATE SUBSCRIPTION", "it reaches out of the database"],
  CreatePLangStmt: ["CREATE LANGUAGE", "languages belong to the platform"],
  CreateTableSpaceStmt: ["CREATE TABLESPACE", "tablespaces belong to the platform"],
  CreateCastStmt: ["CREATE CAST", "a cast works for the whole database"],
  DefineStmt: ["CREATE AGGREGATE, OPERATOR or base type", "it takes functions that the check cannot follow"],
  RuleStmt: ["CREATE RULE", "it rewrites statements of others; use a trigger"],
  CopyStmt: ["COPY", "it reads and writes files and programs of the server; use INSERT"],
  DoStmt: ["DO", "its code cannot be followed; write the statements themselves"],
  CallStmt: ["CALL", "a procedure can end the transaction"],
  LoadStmt: ["LOAD", "it loads code into the server"],
  NotifyStmt: ["NOTIFY", "its channels cross tenants"],
  ListenStmt: ["LISTEN", "its channels cross tenants"],
  UnlistenStmt: ["UNLISTEN", "its channels cross tenants"],
  LockStmt: ["LOCK", "the transaction already has the locks it needs"],
  VacuumStmt: ["VACUUM or ANALYZE", "it does not run inside of a transaction"],
  ReindexStmt: ["REINDEX", "it holds the transaction up; run it as maintenance"],
  ClusterStmt: ["CLUSTER", "it holds the transaction up; run it as maintenance"],
  CheckPointStmt: ["CHECKPOINT", "it holds up the whole server"],
  DiscardStmt: ["DISCARD", "it resets the session of the tool"],
  PrepareStmt: ["PREPARE", "its statement outlives the file"],
  ExecuteStmt: ["EXECUTE", "its statement cannot be followed"],
  DeallocateStmt: ["DEALLOCATE", "it changes the session of the tool"],
  CreateTableAsStmt: ["CREATE TABLE AS or CREATE MATERIALIZED VIEW", "write CREATE TABLE and INSERT … SELECT"],
  TruncateStmt: ["TRUNCATE", "a file must not throw a tenant's rows away; use DELETE with a condition"],
  SecLabelStmt: ["SECURITY LABEL", "labels belong to the platform"],
  ExplainStmt: ["EXPLAIN", "it has no use in a file"],
  DeclareCursorStmt: ["DECLARE CURSOR", "it has no use in a file"],
};

const cache = new Map<string, readonly GuardFault[]>();

/** Loads the parser; before it the other functions throw. */
export async function loadGuard(): Promise<void> {
  await loadModule();
}

export interface GuardOptions {
  /**
   * Whether the file's statements run one by one, outside of a transaction: other statements are allowed then.
   * @default false
   */
  readonly concurrent?: boolean;
}

/**
 * Everything in a file that is refused. Equal texts are parsed once in the life of the process.
 *
 * @param key - what stands for the text in the cache, as in the digest of it
 */
export async function guardSql(key: string, sql: string, options: GuardOptions = {}): Promise<readonly GuardFault[]> {
  const concurrent = options.concurrent === true;
  const place = `${key}${concurrent ? " concurrently" : ""}`;
  const known = cache.get(place);
  if (known !== undefined) return known;
  await loadGuard();
  const faults = inspect(sql, concurrent);
  cache.set(place, faults);
  return faults;
}

/** Names of the tables and functions that a text creates. Empty where it cannot be parsed. */
export async function createdNames(sql: string): Promise<string[]> {
  await loadGuard();
  try {
    return statementsOf(sql).flatMap(({ kind, node }) => {
      const name =
        kind === "CreateStmt" && isNode(node.relation) ? text(node.relation.relname) : words(node.funcname).at(-1);
      return (kind === "CreateStmt" || kind === "CreateFunctionStmt") && name !== undefined ? [name] : [];
    });
  } catch {
    return [];
  }
}

function inspect(sql: string, concurrent: boolean): GuardFault[] {
  if (sql.includes("\u0000")) return [{ line: 1, statement: "file", reason: "it holds a NUL character" }];
  try {
    return statementsOf(sql).flatMap(({ kind, node, offset, source }) =>
      statementFaults(kind, node, offset, source, concurrent).map((refusal) => ({
        line: lineAt(sql, refusal.location ?? offset),
        statement: allowed[kind] ?? refused[kind]?.[0] ?? kind.replace(/Stmt$/, ""),
        reason: refusal.reason,
      })),
    );
  } catch (error) {
    const position = hasSqlDetails(error) ? (error.sqlDetails?.cursorPosition ?? 0) : 0;
    return [
      {
        line: sql.slice(0, position).split("\n").length,
        statement: "file",
        reason: `PostgreSQL cannot parse it: ${messageOf(error)}`,
      },
    ];
  }
}

interface Statement {
  readonly kind: string;
  readonly node: Node;
  /** First byte in the file, without spaces and comments before it. */
  readonly offset: number;
  /** Bytes from there to its end. */
  readonly length: number;
  readonly source: string;
}

/** The parser has to be loaded. */
export function statementsOf(sql: string): Statement[] {
  const result: { stmts?: { stmt?: unknown; stmt_location?: number; stmt_len?: number }[] } = parseSync(sql);
  const bytes = Buffer.from(sql, "utf8");
  return (result.stmts ?? []).map(({ stmt, stmt_location: start = 0, stmt_len: length }) => {
    const [kind, node] = first(stmt);
    const source = bytes.subarray(start, length === undefined ? undefined : start + length).toString("utf8");
    const space = leadingSpace(source);
    return { kind, node, offset: start + space, length: Buffer.byteLength(source, "utf8") - space, source };
  });
}

/** Spaces and comments before a statement count as part of it. */
function leadingSpace(sql: string): number {
  const match = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[^]*?\*\/)*/.exec(sql);
  return Buffer.byteLength(match?.[0] ?? "", "utf8");
}

/** The parser counts bytes. */
function lineAt(sql: string, offset: number): number {
  return Buffer.from(sql, "utf8").subarray(0, offset).toString("utf8").split("\n").length;
}

function statementFaults(kind: string, node: Node, offset: number, source: string, concurrent: boolean): Refusal[] {
  if (allowed[kind] === undefined && !(concurrent && kind === "ReindexStmt")) {
    const reason = refused[kind]?.[1] ?? "this kind of statement is not among those that a file may have";
    return [{ reason: `is refused: ${reason}`, location: offset }];
  }
  const faults = astFaults(node);
  faults.push(...(concurrent ? concurrentFaults(kind, node) : transactionFaults(kind, node)));
  const objectType = text(node.removeType) ?? text(node.renameType) ?? text(node.objtype);
  if (kind === "CommentStmt" || kind === "DropStmt" || kind === "RenameStmt") {
    if (objectType === undefined || !ownObjects.has(objectType)) {
      const what = objectType?.replace("OBJECT_", "").toLowerCase().replaceAll("_", " ") ?? "this kind of object";
      faults.push({ reason: `names a ${what}, which does not lie inside of the tenant's schema alone` });
    }
    faults.push(...qualifiedObjects(node.objects ?? node.object, objectType));
  }
  if (kind === "CreateFunctionStmt") faults.push(...functionFaults(node, source));
  return faults;
}

/** `DROP TABLE a.b` and the like hold names as bare lists of words. */
function qualifiedObjects(objects: unknown, objectType: string | undefined): Refusal[] {
  // Of these the last word is the column, constraint, trigger or policy.
  const parts = /COLUMN|TABCONSTRAINT|TRIGGER|POLICY/.test(objectType ?? "") ? 2 : 1;
  const list: unknown[] = Array.isArray(objects) ? objects : [objects];
  return list.flatMap((object) => {
    const [kind, node] = first(object);
    const items: unknown = kind === "List" ? node.items : undefined;
    return Array.isArray(items) && items.length > parts
      ? [{ reason: "has a name with a schema before it: a file names its own objects, without a schema" }]
      : [];
  });
}
