/**
 * What makes a template's tables a pool's: row-level security and its policy, the default of `tenant_id`, the triggers of
 * the audit, the tool's own functions, and rights. Every table that carries a `tenant_id` gets all of it, whichever file
 * made it. Making and mending are the same differences: `create` runs all of their statements, `read` tells them.
 */
import type { PoolInputs } from "../inputs.ts";
import type { Difference } from "./difference.ts";
import { objectDifferences, schemaDifferences, type Wanted } from "./drift.ts";
import type { PoolLive, PoolPolicy, PoolTable } from "./pool-live.ts";
import { tenantTables } from "./pool-live.ts";
import {
  auditTable,
  functionSql,
  loginsTable,
  membersTable,
  poolFunctions,
  type PoolPlace,
  within,
} from "./pool-sql.ts";
import { identifier, identifiers, literal } from "./quote.ts";

/** What of a template's manifest decides about rights and audit. */
export interface PoolRules {
  readonly appendOnly: readonly string[];
  /** As in `embeddings.embedding`. */
  readonly notAudited: readonly string[];
}

export const policyName = "tenant_isolation";
const auditPrefix = "tenancy_audit";

/** Differences inside of the schema. Those of the roles and of the mark are pool-drift.ts's. */
export function hardeningDifferences(seen: PoolLive, inputs: PoolInputs, rules: PoolRules): Difference[] {
  return [
    ...functionDifferences(seen, inputs),
    ...tableDifferences(seen, inputs, rules),
    ...schemaDifferences(seen.live, inputs),
    ...rightsDifferences(seen, inputs, rules),
  ];
}

function tableDifferences({ catalogue }: PoolLive, place: PoolPlace, rules: PoolRules): Difference[] {
  const found: Difference[] = [];
  for (const table of catalogue.tables.filter(({ name }) => name === membersTable || name === loginsTable)) {
    found.push(...securityDifferences(table, place, false), ...policyDifferences(table, place, []));
  }
  for (const table of tenantTables(catalogue)) {
    found.push(...securityDifferences(table, place, true));
    found.push(...policyDifferences(table, place, [isolation(place)]));
    if (table.partition || table.name === auditTable) continue;
    found.push(...defaultDifferences(table, place), ...auditDifferences(table, place, rules));
  }
  return found;
}

function securityDifferences(table: PoolTable, place: PoolPlace, forced: boolean): Difference[] {
  const what = `the table ${table.name}`;
  const alter = `ALTER TABLE ${within(place, table.name)}`;
  const found: Difference[] = [];
  if (!table.rowSecurity) {
    found.push({
      sentence: `${what} has row-level security disabled`,
      field: `table ${table.name}: row-level security`,
      is: "disabled",
      should: "enabled",
      asOwner: [`${alter} ENABLE ROW LEVEL SECURITY;`],
    });
  }
  if (forced && !table.forced) {
    found.push({
      sentence: `${what} waives row-level security for its owner`,
      field: `table ${table.name}: row-level security for the owner`,
      is: "waived",
      should: "forced",
      asOwner: [`${alter} FORCE ROW LEVEL SECURITY;`],
    });
  }
  return found;
}

/** The condition as a statement has it. The sub-select is evaluated once a statement, not once a row. */
function condition(place: PoolPlace): string {
  return `tenant_id = (SELECT ${within(place, "current_tenant_id")}())`;
}

function isolation(place: PoolPlace): PoolPolicy {
  // As the server writes it.
  const shown = `(tenant_id = ( SELECT ${place.schema}.current_tenant_id() AS current_tenant_id))`;
  return { name: policyName, kind: "PERMISSIVE", command: "ALL", roles: ["PUBLIC"], using: shown, check: shown };
}

function policyDifferences(table: PoolTable, place: PoolPlace, wanted: readonly PoolPolicy[]): Difference[] {
  const on = `ON ${within(place, table.name)}`;
  const make = (name: string) =>
    `CREATE POLICY ${identifier(name)} ${on} AS PERMISSIVE FOR ALL TO PUBLIC ` +
    `USING (${condition(place)}) WITH CHECK (${condition(place)});`;
  const missing = wanted
    .filter(({ name }) => !table.policies.some((policy) => policy.name === name))
    .map(({ name }): Difference => ({
      sentence: `the policy ${name} of the table ${table.name} is missing`,
      field: `policy ${name} of the table ${table.name}`,
      is: "missing",
      should: "there",
      asOwner: [make(name)],
    }));
  const others = table.policies.flatMap((policy): Difference[] => {
    const asked = wanted.find(({ name }) => name === policy.name);
    const drop = `DROP POLICY ${identifier(policy.name)} ${on};`;
    const field = `policy ${policy.name} of the table ${table.name}`;
    if (asked === undefined) {
      // Permissive policies are joined by OR: one that nobody knows could show every row.
      const sentence = `the policy ${policy.name} of the table ${table.name} is none of the pool's`;
      return [{ sentence, field, is: policyText(policy), should: "not there", asOwner: [drop] }];
    }
    if (policyText(policy) === policyText(asked)) return [];
    return [
      {
        sentence: `the policy ${policy.name} of the table ${table.name} is not the pool's`,
        field,
        is: policyText(policy),
        should: policyText(asked),
        asOwner: [drop, make(policy.name)],
      },
    ];
  });
  return [...missing, ...others];
}

function policyText({ kind, command, roles, using, check }: PoolPolicy): string {
  const text = `${kind} FOR ${command} TO ${roles.join(", ")} USING ${using ?? "none"} WITH CHECK ${check ?? "none"}`;
  return text.replaceAll('"', "");
}

function defaultDifferences(table: PoolTable, place: PoolPlace): Difference[] {
  const is = table.tenantId?.default ?? null;
  if (is?.replaceAll('"', "") === `${place.schema}.current_tenant_id()`) return [];
  return [
    {
      sentence: `the default of tenant_id in the table ${table.name} is not the current tenant`,
      field: `column tenant_id of the table ${table.name}: default`,
      is: is ?? "none",
      should: "current_tenant_id()",
      asOwner: [
        `ALTER TABLE ${within(place, table.name)} ALTER COLUMN tenant_id ` +
          `SET DEFAULT ${within(place, "current_tenant_id")}();`,
      ],
    },
  ];
}

/** Triggers of the audit: one a kind of statement, since a trigger with transition tables has one event. */
const auditTriggers = [
  ["INSERT", "REFERENCING NEW TABLE AS new_rows"],
  ["UPDATE", "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"],
  ["DELETE", "REFERENCING OLD TABLE AS old_rows"],
] as const;

function auditDifferences(table: PoolTable, place: PoolPlace, rules: PoolRules): Difference[] {
  const hidden = rules.notAudited
    .filter((name) => name.startsWith(`${table.name}.`))
    .map((name) => literal(name.slice(table.name.length + 1)))
    .join(", ");
  return auditTriggers.flatMap(([event, transitions]): Difference[] => {
    const name = `${auditPrefix}_${event.toLowerCase()}`;
    const definition =
      `CREATE TRIGGER ${name} AFTER ${event} ON ${within(place, table.name)} ${transitions} ` +
      `FOR EACH STATEMENT EXECUTE FUNCTION ${within(place, auditPrefix)}(${hidden})`;
    const there = table.triggers[name];
    const same = there !== undefined && plain(there.definition) === plain(definition);
    if (same && there.enabled) return [];
    const state = there === undefined ? "is missing" : same ? "is disabled" : "is not the pool's";
    return [
      {
        sentence: `the trigger ${name} of the table ${table.name} ${state}`,
        field: `trigger ${name} of the table ${table.name}`,
        is: there === undefined ? "missing" : same ? "disabled" : there.definition,
        should: "enabled, for the audit",
        asOwner: [
          ...(same ? [] : [`${definition.replace("CREATE TRIGGER", "CREATE OR REPLACE TRIGGER")};`]),
          ...(there?.enabled === false ? [`ALTER TABLE ${within(place, table.name)} ENABLE TRIGGER ${name};`] : []),
        ],
      },
    ];
  });
}

/** The server quotes names only where it has to. */
function plain(definition: string): string {
  return definition.replaceAll('"', "");
}

function functionDifferences({ catalogue }: PoolLive, place: PoolPlace): Difference[] {
  return poolFunctions(place).flatMap((wanted): Difference[] => {
    const { name, signature, returns, body, volatility, parallel } = wanted;
    const there = catalogue.routines.find((routine) => routine.signature === `${name}(${signature})`);
    const settings = ["search_path=pg_catalog, pg_temp"];
    const same =
      there !== undefined &&
      there.definer &&
      there.language === "plpgsql" &&
      there.source === body &&
      there.returns === returns &&
      there.volatility === volatility.slice(0, 1).toLowerCase() &&
      there.parallel === parallel.slice(0, 1).toLowerCase() &&
      there.settings.join() === settings.join();
    if (same) return [];
    const drop = there !== undefined && there.returns !== returns;
    return [
      {
        sentence: `the function ${name}() ${there === undefined ? "is missing" : "is not the pool's"}`,
        field: `function ${name}(${signature})`,
        is: there === undefined ? "missing" : "changed",
        should: "as the tool makes it",
        // What hangs on a function of another type has to be looked at by a person.
        ...(drop
          ? { byHand: [`DROP FUNCTION ${within(place, name)}(${signature});`, functionSql(place, wanted)] }
          : { asOwner: [functionSql(place, wanted), ...functionRightsSql(place, wanted)] }),
      },
    ];
  });
}

/** A function that is made anew is open to everyone. */
function functionRightsSql(
  place: PoolPlace,
  { name, signature, open }: ReturnType<typeof poolFunctions>[number],
): string[] {
  const target = `FUNCTION ${within(place, name)}(${signature})`;
  return [
    `REVOKE ALL ON ${target} FROM PUBLIC;`,
    ...(open ? [`GRANT EXECUTE ON ${target} TO ${identifiers([place.appRole, place.readOnlyRole])};`] : []),
  ];
}

/** A view reads with its owner's rights, and past the policies, unless it is told to read with the caller's. */
export function viewDifferences({ catalogue }: PoolLive, place: PoolPlace): Difference[] {
  return catalogue.views
    .filter(({ materialized, invoker }) => !materialized && !invoker)
    .map(({ name }) => ({
      sentence: `the view ${name} reads with its owner's rights (security_invoker is off)`,
      field: `view ${name}: security_invoker`,
      is: "off",
      should: "on",
      asOwner: [`ALTER VIEW ${within(place, name)} SET (security_invoker = true);`],
    }));
}

const none: Wanted = { app: [], readOnly: [] };
const dml = ["DELETE", "INSERT", "SELECT", "UPDATE"];

/** What the groups may do with each object: nobody gets TRUNCATE, REFERENCES or TRIGGER. */
function rightsDifferences({ live, catalogue }: PoolLive, place: PoolPlace, rules: PoolRules): Difference[] {
  const partitions = new Set(catalogue.tables.filter(({ partition }) => partition).map(({ name }) => name));
  const shared = new Set(tenantTables(catalogue).map(({ name }) => name));
  const views = new Set(catalogue.views.filter(({ materialized }) => !materialized).map(({ name }) => name));
  const functions = new Map(poolFunctions(place).map((made) => [`${made.name}(${made.signature})`, made.open]));
  const wanted = (kind: string, quoted: string): Wanted | undefined => {
    const name = quoted.replaceAll('""', '"').replace(/^"(.*)"$/, "$1");
    if (kind === "function") return functions.get(quoted) === false ? none : undefined;
    if (kind === "sequence") return name.startsWith(`${auditTable}_`) ? none : { app: ["USAGE"], readOnly: [] };
    if (kind === "type") return undefined;
    // What breaks the rules was made from outside, and has no policy that keeps tenants apart.
    if (partitions.has(name) || !(shared.has(name) || views.has(name))) return none;
    if (name === auditTable) return { app: ["SELECT"], readOnly: ["SELECT"] };
    return { app: rules.appendOnly.includes(name) ? ["INSERT", "SELECT"] : dml, readOnly: ["SELECT"] };
  };
  return live.objects.flatMap((object) => objectDifferences(object, place, wanted(object.kind, object.name)));
}

/** Names that the manifest knows and no file makes. */
export function manifestFaults({ catalogue }: PoolLive, rules: PoolRules): string[] {
  const tables = new Map(catalogue.tables.map(({ name, columns }) => [name, columns]));
  return [
    ...rules.appendOnly
      .filter((name) => !tables.has(name))
      .map((name) => `appendOnly of template.yaml names the table ${name}, which no file makes`),
    ...rules.notAudited.flatMap((name) => {
      const [table = "", column = ""] = name.split(".");
      return tables.get(table)?.includes(column) === true
        ? []
        : [`notAudited of template.yaml names the column ${name}, which no file makes`];
    }),
  ];
}
