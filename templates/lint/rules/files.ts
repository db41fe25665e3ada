/** Files as a whole: text that cannot be parsed, marks, files outside of the transaction, seeds. */
import type { RuleText } from "../rule.ts";

const error = "error" as const;
const earlier = "CREATE TABLE notes (id bigint PRIMARY KEY, body text, size integer);";
const concurrently = "-- tenancy: concurrently\n";

export const fileRules = {
  parse: {
    severity: error,
    what: "Text that PostgreSQL cannot parse, and the character NUL.",
    why: "what cannot be parsed cannot be judged, and would fail in the first tenant",
    fix: "Mend the syntax.",
    wrong: "CREATE TABEL notes (id bigint);",
    right: "CREATE TABLE notes (id bigint);",
  },
  "mark-form": {
    severity: error,
    what: "A comment that begins with `-- tenancy` and is neither a mark nor, as the first line, `-- tenancy: concurrently`.",
    why: "a mark with a slip of the pen would allow nothing, and a reason of less than 10 characters tells a reviewer nothing",
    fix: "Write `-- tenancy: allow <rule>: <reason>` with a reason of at least 10 characters.",
    wrong: "-- tenancy: allow drop-table\nDROP TABLE notes;",
    right: "-- tenancy: allow drop-table: no version since 2.3 reads or writes it\nDROP TABLE notes;",
    within: { earlier },
  },
  "mark-rule": {
    severity: error,
    what: "A mark for a rule that does not exist, or that no mark can allow.",
    why: "it would look as if something had been allowed",
    fix: "Name a rule of this page that a mark can allow, or take the mark out.",
    wrong: "-- tenancy: allow copy: the rows come from a file of the server\nCOPY notes FROM '/tmp/notes';",
    right: "INSERT INTO notes VALUES (1, 'one', 1);",
    within: { earlier },
  },
  "mark-unused": {
    severity: error,
    what: "A mark that allows nothing: no statement follows in the next line, or the rule has nothing against it.",
    why: "it would allow whatever comes to stand there later",
    fix: "Put it on the line before its statement, or take it out.",
    wrong: "-- tenancy: allow drop-table: no version since 2.3 reads or writes it\nCREATE TABLE drafts (id bigint);",
    right: "CREATE TABLE drafts (id bigint);",
    within: { earlier },
  },
  "concurrent-file-statement": {
    severity: error,
    what: "In a file that begins with `-- tenancy: concurrently`: anything but CREATE and DROP INDEX CONCURRENTLY, REINDEX INDEX or TABLE CONCURRENTLY, ALTER TYPE … ADD VALUE and ALTER TABLE … VALIDATE CONSTRAINT.",
    why: "the file runs outside of a transaction: what fails halfway has to be safe to run again",
    fix: "Put it into a file of its own without that line.",
    wrong: concurrently + "ALTER TABLE notes ADD COLUMN kind text;",
    right: concurrently + "CREATE INDEX CONCURRENTLY notes_body ON notes (body);",
    within: { earlier },
  },
  "concurrently-in-transaction": {
    severity: error,
    what: "CONCURRENTLY in a file without the first line `-- tenancy: concurrently`.",
    why: "it cannot run inside of the tenant's transaction",
    fix: "Put it into a file whose first line is `-- tenancy: concurrently`.",
    wrong: "CREATE INDEX CONCURRENTLY notes_body ON notes (body);",
    right: concurrently + "CREATE INDEX CONCURRENTLY notes_body ON notes (body);",
    within: { earlier },
  },
  "concurrent-index-name": {
    severity: error,
    what: "CREATE INDEX CONCURRENTLY without a name.",
    why: "a run that was interrupted leaves an invalid index, which is found again by its name",
    fix: "Name the index.",
    wrong: concurrently + "CREATE INDEX CONCURRENTLY ON notes (body);",
    right: concurrently + "CREATE INDEX CONCURRENTLY notes_body ON notes (body);",
    within: { earlier },
  },
  "concurrent-partitioned": {
    severity: error,
    what: "CREATE INDEX CONCURRENTLY and REINDEX CONCURRENTLY of a partitioned table.",
    why: "PostgreSQL makes an index of a partitioned table in a transaction only",
    fix: "Use CREATE INDEX in an ordinary file, with a mark for index-without-concurrently.",
    wrong: concurrently + "CREATE INDEX CONCURRENTLY events_at ON events (at);",
    right:
      "-- tenancy: allow index-without-concurrently: the table is partitioned and small\nCREATE INDEX events_at ON events (at);",
    within: { earlier: "CREATE TABLE events (at timestamptz NOT NULL) PARTITION BY RANGE (at);" },
  },
  "seed-statement": {
    severity: error,
    what: "In a file of `seed/`: anything but INSERT, UPDATE and SELECT.",
    why: "a seed fills a new tenant as the application would, and makes no objects",
    fix: "Put objects into a file NNNN-name.sql of the template.",
    wrong: "CREATE TABLE drafts (id bigint);",
    right: "INSERT INTO notes VALUES (1, 'one', 1);",
    within: { earlier, seed: true },
  },
} satisfies Record<string, RuleText>;
