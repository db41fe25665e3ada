/**
 * What keeps tenants of a pool apart, as a list of checks. Looked at in the system catalogues, on every table that carries a
 * tenant_id and on every partition of one, whatever it is called.
 */
import type { PostgresServer } from "../provider/config.ts";
import type { PoolInputs } from "../provider/inputs.ts";
import { loginDifferences, roleDifferences } from "../provider/postgres/pool-drift.ts";
import { hardeningDifferences, type PoolRules } from "../provider/postgres/pool-harden.ts";
import { type PoolLive, tenantTables } from "../provider/postgres/pool-live.ts";
import { poolFaults } from "../provider/postgres/pool-rules.ts";
import { loginsTable, membersTable } from "../provider/postgres/pool-sql.ts";
import { listed } from "../provider/postgres/difference.ts";

export interface PoolCheck {
  readonly name: string;
  readonly ok: boolean;
  /** What was looked at, or what is wrong, one sentence each. */
  readonly seen: readonly string[];
  /** What to do; empty where all is well. */
  readonly fix: string;
}

/** What the catalogues of the whole database tell beside the pool's own. */
export interface PoolSurroundings {
  readonly extensions: readonly string[];
  /** Tables whose NOT NULL of tenant_id was never checked against their rows. */
  readonly unchecked: readonly string[];
  /** Roles that pass by every policy and can act for the pool, as in `acme_app (BYPASSRLS)`. */
  readonly bypassing: readonly string[];
  /** Whether the server knows hnsw.ef_search; undefined where the template needs no pgvector. */
  readonly searchWidth: boolean | undefined;
  /** Settings of pgvector under names that the server takes and nothing reads, as in `acme_app: vector.hnsw.ef_search`. */
  readonly deadSettings: readonly string[];
}

export interface PoolExpectation {
  readonly inputs: PoolInputs;
  readonly server: PostgresServer;
  readonly rules: PoolRules;
  readonly extensions: readonly string[];
}

const repair = "run `npm run -s tenancy -- drift --repair`";

export function poolChecks(live: PoolLive, around: PoolSurroundings, expected: PoolExpectation): PoolCheck[] {
  const { inputs, server, rules } = expected;
  const tables = tenantTables(live.catalogue);
  const hardening = hardeningDifferences(live, inputs, rules);
  const named = (pattern: RegExp) =>
    hardening.filter(({ field }) => pattern.test(field)).map(({ sentence }) => sentence);
  const others = hardening.filter(({ field }) => !/^(policy|trigger|view|function) |: row-level security/.test(field));
  const rights = [...others, ...roleDifferences(live, inputs, server), ...loginDifferences(live, inputs, server)];
  const faults = poolFaults(live.catalogue, inputs).filter(
    (fault) => !/tenant_id of the table|column tenant_id/.test(fault),
  );
  const count = `${tables.length} tables and partitions with tenant_id`;
  const check = (name: string, wrong: readonly string[], well: string, fix: string): PoolCheck => ({
    name,
    ok: wrong.length === 0,
    seen: wrong.length === 0 ? [well] : wrong,
    fix: wrong.length === 0 ? "" : fix,
  });
  return [
    check(
      "extensions",
      expected.extensions.filter((name) => !around.extensions.includes(name)).map((name) => `${name} is missing`),
      listed(expected.extensions, "the template needs none"),
      "run `npm run up`: the Baseline makes them, where the server offers them",
    ),
    check("row-level security enabled and forced", named(/: row-level security/), count, repair),
    check(
      "policy tenant_isolation, and no other",
      [...named(/^policy /), ...named(/^function current_tenant/)],
      `one on each of ${count}`,
      repair,
    ),
    check("no row without tenant_id", tenantIdFaults(live, around), `uuid NOT NULL in ${count}`, tenantIdFix),
    check(
      "audit on every change",
      [...named(/^trigger /), ...named(/^function tenancy_audit/)],
      `INSERT, UPDATE and DELETE of ${tables.filter(({ partition }) => !partition).length - 1} tables`,
      repair,
    ),
    check(
      "other triggers active",
      tables.flatMap(({ name, triggers }) =>
        Object.entries(triggers)
          .filter(([trigger, { enabled }]) => !enabled && !trigger.startsWith("tenancy_audit_"))
          .map(([trigger]) => `the trigger ${trigger} of the table ${name} is disabled`),
      ),
      `${new Set(tables.flatMap(({ triggers }) => Object.keys(triggers))).size} triggers`,
      "enable it as the pool's owner: ALTER TABLE … ENABLE TRIGGER …",
    ),
    check(
      "views read with the caller's rights",
      [...named(/^view /), ...faults.filter((fault) => fault.startsWith("the materialized view"))],
      live.catalogue.views.length === 0 ? "no view" : `security_invoker on ${live.catalogue.views.length}`,
      repair,
    ),
    check(
      "keys and indexes begin with tenant_id",
      faults.filter((fault) => !/^the (materialized )?view /.test(fault)),
      `${live.catalogue.indexes.length} indexes, ${live.catalogue.keys.length} foreign keys`,
      "mend it in a new file of the template",
    ),
    check(
      "no role passes by the policies",
      around.bypassing,
      `owner, groups and ${live.logins?.length ?? 0} logins`,
      "as administrator: ALTER ROLE … NOSUPERUSER NOBYPASSRLS",
    ),
    check(
      "grants and logins",
      rights.map(({ sentence }) => sentence),
      "as the template and the platform say",
      repair,
    ),
    check("search width", searchFaults(around), searchText(around), searchFix),
  ];
}

const tenantIdFix = "mend it in a new file of the template: ALTER TABLE … ALTER COLUMN tenant_id SET NOT NULL";

function tenantIdFaults({ catalogue }: PoolLive, { unchecked }: PoolSurroundings): string[] {
  const tables = catalogue.tables.filter(({ name }) => name !== membersTable && name !== loginsTable);
  return tables.flatMap(({ name, tenantId }) => {
    if (tenantId === null) return [`the table ${name} has no column tenant_id`];
    if (tenantId.type !== "uuid") return [`tenant_id of the table ${name} is ${tenantId.type}, not uuid`];
    if (!tenantId.required) return [`tenant_id of the table ${name} may be NULL`];
    return unchecked.includes(name) ? [`NOT NULL of tenant_id in the table ${name} is NOT VALID`] : [];
  });
}

const searchFix =
  "have pgvector 0.5 or later, and name its setting hnsw.ef_search: the server takes any other name and does nothing";

function searchFaults({ searchWidth, deadSettings }: PoolSurroundings): string[] {
  return [
    ...(searchWidth === false ? ["the server does not know the setting hnsw.ef_search"] : []),
    ...deadSettings.map((setting) => `${setting} is set and does nothing`),
  ];
}

function searchText({ searchWidth }: PoolSurroundings): string {
  return searchWidth === undefined ? "the template needs no pgvector" : "hnsw.ef_search is known";
}
