/** Templates whose tiers have `pool`: their tables hold the rows of many tenants under row-level security. */
import type { RuleText } from "../rule.ts";

const pool = { severity: "error", within: { pool: true } } as const;
const notes =
  "CREATE TABLE notes (\n  tenant_id uuid NOT NULL,\n  id bigint NOT NULL,\n  PRIMARY KEY (tenant_id, id)\n);";

export const poolRules = {
  "pool-tenant-id": {
    ...pool,
    what: "A table without `tenant_id uuid NOT NULL`, and a change of that column.",
    why: "row-level security tells rows apart by this column alone",
    fix: "Give every table `tenant_id uuid NOT NULL`, and leave it as it is.",
    wrong: "CREATE TABLE notes (id bigint);",
    right: notes,
  },
  "pool-key": {
    ...pool,
    what: "A primary key, unique constraint or unique index that does not begin with tenant_id.",
    why: "error 23505 would tell whether another tenant has the value",
    fix: "Begin it with tenant_id.",
    wrong: "CREATE TABLE notes (tenant_id uuid NOT NULL, id bigint PRIMARY KEY);",
    right: notes,
  },
  "pool-foreign-key": {
    ...pool,
    what: "A foreign key that does not pair tenant_id with tenant_id, or whose ON DELETE would clear tenant_id.",
    why: "row-level security does not check references: a row could point at another tenant's, and learn whether it is there",
    fix: "Write FOREIGN KEY (tenant_id, …) REFERENCES … (tenant_id, …), and SET NULL with a list of the other columns.",
    wrong:
      notes +
      "\nCREATE TABLE marks (\n  tenant_id uuid NOT NULL,\n  note bigint,\n  PRIMARY KEY (tenant_id, note),\n  FOREIGN KEY (note) REFERENCES notes (id)\n);",
    right:
      notes +
      "\nCREATE TABLE marks (\n  tenant_id uuid NOT NULL,\n  note bigint,\n  PRIMARY KEY (tenant_id, note),\n  FOREIGN KEY (tenant_id, note) REFERENCES notes (tenant_id, id)\n);",
  },
  "pool-foreign-key-cycle": {
    ...pool,
    what: "A reference of a table to itself, or a circle of references, that is neither ON DELETE CASCADE nor NO ACTION DEFERRABLE.",
    why: "a tenant that leaves is deleted in batches, table by table, and such rows hold each other fast",
    fix: "Add ON DELETE CASCADE, or DEFERRABLE.",
    wrong:
      "CREATE TABLE notes (\n  tenant_id uuid NOT NULL,\n  id bigint NOT NULL,\n  parent bigint,\n  PRIMARY KEY (tenant_id, id),\n" +
      "  FOREIGN KEY (tenant_id, parent) REFERENCES notes (tenant_id, id)\n);",
    right:
      "CREATE TABLE notes (\n  tenant_id uuid NOT NULL,\n  id bigint NOT NULL,\n  parent bigint,\n  PRIMARY KEY (tenant_id, id),\n" +
      "  FOREIGN KEY (tenant_id, parent) REFERENCES notes (tenant_id, id) ON DELETE CASCADE\n);",
  },
  "pool-index": {
    ...pool,
    what: "An index that does not begin with tenant_id. Vector and GIN indexes are left alone.",
    why: "every query asks for one tenant: the index would be read past the rows of all others",
    fix: "Begin it with tenant_id.",
    wrong: notes + "\nCREATE INDEX notes_id ON notes (id);",
    right: notes + "\nCREATE INDEX notes_id ON notes (tenant_id, id DESC);",
  },
  "pool-view": {
    ...pool,
    what: "A view without `WITH (security_invoker = true)`.",
    why: "it would read with the owner's rights and not with the tenant's",
    fix: "Write CREATE VIEW … WITH (security_invoker = true) AS …",
    wrong: notes + "\nCREATE VIEW latest AS SELECT * FROM notes;",
    right: notes + "\nCREATE VIEW latest WITH (security_invoker = true) AS SELECT * FROM notes;",
  },
  "pool-materialized-view": {
    ...pool,
    what: "A materialized view.",
    why: "it keeps the rows of all tenants, and row-level security does not apply to it",
    fix: "Use a view WITH (security_invoker = true).",
    wrong: notes + "\nCREATE MATERIALIZED VIEW latest AS SELECT * FROM notes;",
    right: notes + "\nCREATE VIEW latest WITH (security_invoker = true) AS SELECT * FROM notes;",
  },
  "pool-security-definer": {
    ...pool,
    what: "SECURITY DEFINER.",
    why: "the owner sees every tenant's rows through it",
    fix: "Leave it out: the function then sees what its caller sees.",
    wrong:
      "CREATE FUNCTION one() RETURNS integer LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT 1';",
    right: "CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1';",
  },
  "pool-row-security": {
    ...pool,
    what: "Policies, and ENABLE, DISABLE, FORCE of row-level security.",
    why: "the tool writes them anew after every file; a second policy would add its rows to what a tenant sees",
    fix: "Leave it out: every table gets its policy from the tool.",
    wrong: notes + "\nALTER TABLE notes ENABLE ROW LEVEL SECURITY;",
    right: notes,
  },
  "pool-tool-object": {
    ...pool,
    what: "The tool's own objects: names that begin with `tenancy_`, `audit_log`, `current_tenant_id`, `current_tenant`, `set_tenant_context`; its triggers switched off.",
    why: "members, logins and audit tell of every tenant",
    fix: "Choose another name, and leave the tool's objects alone.",
    wrong: "CREATE VIEW changes WITH (security_invoker = true) AS SELECT * FROM audit_log;",
    right: "CREATE TABLE changes (tenant_id uuid NOT NULL, id bigint NOT NULL, PRIMARY KEY (tenant_id, id));",
  },
  "pool-tenant-function": {
    ...pool,
    what: "A call of current_tenant_id() or current_tenant() outside of a function's code, or in a template whose tiers have more than `pool`.",
    why: "the tool's policies and defaults call it; in a schema of its own a tenant has no such function",
    fix: "Leave tenant_id out of an INSERT: its default is the current tenant.",
    wrong:
      "CREATE TABLE notes (tenant_id uuid NOT NULL DEFAULT current_tenant_id(), id bigint NOT NULL, PRIMARY KEY (tenant_id, id));",
    right: notes,
  },
  "pool-context": {
    ...pool,
    what: "A function that sets `app.tenant_id` or `app.user_id`, or reads `app.tenant_id`.",
    why: "the tenant would be what the function, or any login, says",
    fix: "Call current_tenant_id().",
    wrong:
      "CREATE FUNCTION me() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('app.tenant_id', true) $$;",
    right: "CREATE FUNCTION me() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT current_tenant_id() $$;",
  },
  "pool-sequence": {
    ...pool,
    what: "A sequence that belongs to no column.",
    why: "it is granted to nobody, and its numbers would be counted by all tenants under one name",
    fix: "Use GENERATED ALWAYS AS IDENTITY, or OWNED BY a column.",
    wrong: "CREATE SEQUENCE numbers;",
    right:
      "CREATE TABLE notes (\n  tenant_id uuid NOT NULL,\n  id bigint GENERATED ALWAYS AS IDENTITY,\n  PRIMARY KEY (tenant_id, id)\n);",
  },
} satisfies Record<string, RuleText>;
