/**
 * What a migration may cost: statements that rewrite a table, hold a lock while they read it, lose rows, or fail where
 * there are some. They only count for a table that an earlier file made: one that the file itself makes is empty.
 */
import type { RuleText } from "../rule.ts";

const earlier = "CREATE TABLE notes (id bigint PRIMARY KEY, body text, author bigint, size integer);";
const fleet = { severity: "error", allowable: true, within: { earlier } } as const;
const warning = { ...fleet, severity: "warning" } as const;

export const fleetRules = {
  "add-column-rewrites": {
    ...fleet,
    what: "ADD COLUMN that writes every row anew: a volatile default, an identity or serial, GENERATED … STORED.",
    why: "nobody reads or writes the table until the last row is written",
    fix: "Add the column without a default, set the default in a second ALTER, and fill the rows in batches from the application.",
    wrong: "ALTER TABLE notes ADD COLUMN token uuid DEFAULT gen_random_uuid();",
    right:
      "ALTER TABLE notes ADD COLUMN token uuid;\nALTER TABLE notes ALTER COLUMN token SET DEFAULT gen_random_uuid();",
  },
  "add-column-not-null": {
    ...fleet,
    what: "ADD COLUMN … NOT NULL without a default.",
    why: "it fails in every tenant that has a row",
    fix: "Give it a constant default, which costs nothing.",
    wrong: "ALTER TABLE notes ADD COLUMN kind text NOT NULL;",
    right: "ALTER TABLE notes ADD COLUMN kind text NOT NULL DEFAULT 'note';",
  },
  "alter-column-type": {
    ...fleet,
    what: "ALTER COLUMN … TYPE that writes every row and index anew. Longer and unlimited `varchar`, `text` for it, and more digits of `numeric` do not.",
    why: "nobody reads or writes the table until the last row is written",
    fix: "Add a column of the new type, let the application fill it, and drop the old one in a later file.",
    wrong: "ALTER TABLE notes ALTER COLUMN size TYPE bigint;",
    right: "ALTER TABLE notes ADD COLUMN size_bytes bigint;",
  },
  "set-not-null": {
    ...fleet,
    what: "SET NOT NULL without a valid CHECK (column IS NOT NULL).",
    why: "nobody reads or writes the table until every row has been read",
    fix: "Add CHECK (column IS NOT NULL) NOT VALID, validate it in a file that begins with `-- tenancy: concurrently`, then SET NOT NULL in a third file.",
    wrong: "ALTER TABLE notes ALTER COLUMN body SET NOT NULL;",
    right: "ALTER TABLE notes ADD CONSTRAINT notes_body CHECK (body IS NOT NULL) NOT VALID;",
  },
  "add-foreign-key": {
    ...fleet,
    what: "A foreign key without NOT VALID on a table that has rows.",
    why: "writes to both tables wait until every row has been looked up",
    fix: "Add it NOT VALID, and VALIDATE CONSTRAINT in a file that begins with `-- tenancy: concurrently`.",
    wrong: "ALTER TABLE notes ADD CONSTRAINT notes_author FOREIGN KEY (author) REFERENCES notes (id);",
    right: "ALTER TABLE notes ADD CONSTRAINT notes_author FOREIGN KEY (author) REFERENCES notes (id) NOT VALID;",
  },
  "add-check": {
    ...fleet,
    what: "A CHECK constraint without NOT VALID on a table that has rows.",
    why: "nobody reads or writes the table until every row has been read",
    fix: "Add it NOT VALID, and VALIDATE CONSTRAINT in a file that begins with `-- tenancy: concurrently`.",
    wrong: "ALTER TABLE notes ADD CONSTRAINT notes_size CHECK (size >= 0);",
    right: "ALTER TABLE notes ADD CONSTRAINT notes_size CHECK (size >= 0) NOT VALID;",
  },
  "add-unique": {
    ...fleet,
    what: "PRIMARY KEY, UNIQUE without USING INDEX, and EXCLUDE, on a table that has rows.",
    why: "nobody reads or writes the table until its index is built",
    fix: "CREATE UNIQUE INDEX CONCURRENTLY in a file that begins with `-- tenancy: concurrently`, then ADD CONSTRAINT … USING INDEX.",
    wrong: "ALTER TABLE notes ADD CONSTRAINT notes_body UNIQUE (body);",
    right: "ALTER TABLE notes ADD CONSTRAINT notes_body UNIQUE USING INDEX notes_body_key;",
  },
  "validate-in-transaction": {
    ...fleet,
    what: "VALIDATE CONSTRAINT in an ordinary file.",
    why: "it shares a transaction with what came before, whose locks are then held until every row has been read",
    fix: "Put it into a file that begins with `-- tenancy: concurrently`.",
    wrong: "ALTER TABLE notes VALIDATE CONSTRAINT notes_size;",
    right: "-- tenancy: concurrently\nALTER TABLE notes VALIDATE CONSTRAINT notes_size;",
  },
  "index-without-concurrently": {
    ...fleet,
    what: "CREATE INDEX without CONCURRENTLY on a table that has rows.",
    why: "every write to the table waits until the index is built",
    fix: "CREATE INDEX CONCURRENTLY in a file that begins with `-- tenancy: concurrently`.",
    wrong: "CREATE INDEX notes_author ON notes (author);",
    right: "-- tenancy: concurrently\nCREATE INDEX CONCURRENTLY notes_author ON notes (author);",
  },
  "set-logged": {
    ...fleet,
    what: "SET LOGGED and SET UNLOGGED.",
    why: "the whole table is written anew, and an unlogged one is empty after a crash and on replicas",
    fix: "Make the table as it has to be.",
    wrong: "ALTER TABLE notes SET UNLOGGED;",
    right: "CREATE TABLE drafts (id bigint);",
  },
  "set-access-method": {
    ...fleet,
    what: "SET ACCESS METHOD.",
    why: "the whole table is written anew",
    fix: "Make a table with it, and let the application move.",
    wrong: "ALTER TABLE notes SET ACCESS METHOD heap;",
    right: "CREATE TABLE drafts (id bigint) USING heap;",
  },
  "drop-column": {
    ...fleet,
    what: "DROP COLUMN.",
    why: "its values are lost, and a version of the application that still names it fails",
    fix: "Take it out of the application first; then drop it with a mark that says so.",
    wrong: "ALTER TABLE notes DROP COLUMN size;",
    right:
      "-- tenancy: allow drop-column: no version since 2.3 reads or writes it\nALTER TABLE notes DROP COLUMN size;",
  },
  "drop-table": {
    ...fleet,
    what: "DROP TABLE.",
    why: "its rows are lost, and a version of the application that still names it fails",
    fix: "Take it out of the application first; then drop it with a mark that says so.",
    wrong: "DROP TABLE notes;",
    right: "-- tenancy: allow drop-table: no version since 2.3 reads or writes it\nDROP TABLE notes;",
  },
  "drop-cascade": {
    ...fleet,
    what: "DROP … CASCADE.",
    why: "columns of the type, views and keys of other tables go with it, whatever they hold",
    fix: "Drop what depends on it by name, one statement each.",
    wrong: "DROP VIEW latest CASCADE;",
    right: "DROP VIEW latest;",
  },
  "delete-all-rows": {
    ...fleet,
    what: "DELETE without WHERE.",
    why: "a tenant's rows are lost",
    fix: "Say which rows by WHERE.",
    wrong: "DELETE FROM notes;",
    right: "DELETE FROM notes WHERE id < 0;",
  },
  "update-all-rows": {
    ...warning,
    what: "UPDATE without WHERE.",
    why: "one transaction holds every row of a large tenant, and the table grows to twice its size",
    fix: "Say which rows by WHERE, or let the application fill them in batches.",
    wrong: "UPDATE notes SET size = 0;",
    right: "UPDATE notes SET size = 0 WHERE size IS NULL;",
  },
  "rename-in-use": {
    ...warning,
    what: "RENAME of a table, a column or a value of an enumeration.",
    why: "the version of the application that runs while the fleet is brought forward still uses the old name",
    fix: "Add the new one beside it, and drop the old one in a later file.",
    wrong: "ALTER TABLE notes RENAME COLUMN body TO content;",
    right: "ALTER TABLE notes ADD COLUMN content text;",
  },
  "attach-partition": {
    ...warning,
    what: "ATTACH PARTITION.",
    why: "the new partition's rows are read under a lock, unless a valid CHECK proves its bounds",
    fix: "Add and validate a CHECK with the bounds first, and mark the statement.",
    wrong: "ALTER TABLE events ATTACH PARTITION events_2026 FOR VALUES IN (2026);",
    right:
      "-- tenancy: allow attach-partition: the CHECK events_2026_bounds is valid since 0004\n" +
      "ALTER TABLE events ATTACH PARTITION events_2026 FOR VALUES IN (2026);",
  },
} satisfies Record<string, RuleText>;
