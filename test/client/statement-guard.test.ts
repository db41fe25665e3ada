import { describe, expect, test } from "vitest";
import { refusalOf } from "../../client/statement-guard.ts";

describe("statements within a tenant's transaction", () => {
  test.each([
    "SELECT 1",
    "",
    "-- nothing",
    "/* open",
    "INSERT INTO notes VALUES ('COMMIT')",
    "WITH x AS (SELECT 1) UPDATE t SET a = 1",
    "SAVEPOINT a",
    "RELEASE SAVEPOINT a",
    "ROLLBACK TO a",
    "rollback work to savepoint a",
    "ROLLBACK TRANSACTION TO SAVEPOINT a",
    "SET CONSTRAINTS ALL DEFERRED",
    "SET LOCAL work_mem = '64MB'",
    "set local hnsw.ef_search to 100",
    "SET LOCAL TimeZone = 'UTC'",
    "DECLARE c CURSOR FOR SELECT 1",
    "/* SET ROLE x */ SELECT 1",
    "constructor",
  ])("%s may be sent", (text) => {
    expect(refusalOf(text)).toBeUndefined();
  });

  test.each([
    "COMMIT",
    "commit and chain",
    "END",
    "ROLLBACK",
    "ROLLBACK AND CHAIN",
    "ROLLBACK PREPARED 'to'",
    "ABORT",
    "BEGIN",
    "START TRANSACTION",
    "PREPARE TRANSACTION 'x'",
    "PREPARE p AS SELECT 1",
    "RESET ALL",
    "RESET ROLE",
    "DISCARD ALL",
    "DEALLOCATE ALL",
    "LISTEN x",
    "UNLISTEN *",
    "LOAD 'x'",
    "SET ROLE x",
    "SET SESSION ROLE x",
    "SET LOCAL ROLE x",
    'SET LOCAL "role" = x',
    'SET LOCAL U&"\\0072ole" = x',
    "SET LOCAL role=x",
    "SET LOCAL SESSION AUTHORIZATION x",
    "SET SESSION AUTHORIZATION x",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "SET LOCAL search_path TO x",
    "SET LOCAL SCHEMA 'x'",
    "SET LOCAL row_security = off",
    "SET LOCAL App.Tenant_Id = 'x'",
    "SET app.tenant_id = 'x'",
    "SET statement_timeout = 0",
    "SET/**/LOCAL/**/ROLE x",
    "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
    " \t\n;; COMMIT",
    "-- a\nCOMMIT",
    "-- a\rCOMMIT",
    "/* a /* nested */ */COMMIT",
    "/**/--x\n/**/SET ROLE x",
    "\f\vCOMMIT",
  ])("%s is refused", (text) => {
    expect(refusalOf(text)).toMatch(/^[A-Z]+.*: ./);
  });
});
