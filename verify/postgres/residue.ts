/**
 * What every tenant sees of others in a shared database, hardened as it is: PostgreSQL cannot hide its catalogs inside
 * of a database. The list is closed: a place that is not on it is a leak, or a new version's catalog to look at.
 */
import type { Residue } from "../attempt.ts";

const document = "docs/postgresql.md#what-stays-visible-by-design";

const groups: readonly { readonly what: string; readonly places: readonly string[] }[] = [
  { what: "names of schemas", places: ["pg_namespace"] },
  { what: "names of roles", places: ["pg_roles", "pg_user", "pg_group", "pg_database"] },
  {
    what: "names of databases, and counts of what was done in each",
    places: ["pg_stat_database", "pg_stat_database_conflicts"],
  },
  { what: "settings of roles", places: ["pg_db_role_setting"] },
  { what: "who holds default privileges", places: ["pg_default_acl"] },
  {
    what: "names of tables, columns, views, indexes, sequences and constraints",
    places: [
      ...["pg_class", "pg_attribute", "pg_constraint", "pg_trigger", "pg_statistic_ext"],
      ...["pg_tables", "pg_views", "pg_indexes", "pg_matviews", "pg_sequences", "pg_rules"],
    ],
  },
  { what: "names of types and values of enums", places: ["pg_type", "pg_enum"] },
  { what: "definitions of views, rules and defaults", places: ["pg_rewrite", "pg_attrdef", "pg_get_viewdef()"] },
  { what: "names and source of functions", places: ["pg_proc"] },
  { what: "policies with their conditions", places: ["pg_policy", "pg_policies"] },
  { what: "comments, the tool's mark among them", places: ["pg_description", "obj_description()"] },
  { what: "names of catalog objects in samples of the catalogs", places: ["pg_stats"] },
  {
    what: "counts of rows read and written",
    places: [
      ...["all", "user"].flatMap((set) => [
        `pg_stat_${set}_tables`,
        `pg_stat_${set}_indexes`,
        `pg_stat_xact_${set}_tables`,
        `pg_statio_${set}_tables`,
        `pg_statio_${set}_indexes`,
        `pg_statio_${set}_sequences`,
      ]),
      "pg_stat_user_functions",
      "pg_stat_xact_user_functions",
      "pg_stat_get_tuples_inserted()",
    ],
  },
  { what: "sizes of tables", places: ["pg_total_relation_size()"] },
  { what: "who is connected, without the text of statements", places: ["pg_stat_activity"] },
];

export const residue: readonly Residue[] = [
  ...groups.flatMap(({ what, places }) => places.map((place) => ({ place: `pg_catalog.${place}`, what, document }))),
  // Types of rows belong to PUBLIC, whatever default privileges say of types.
  { place: "information_schema.udt_privileges", what: "names of tables, as types of their rows", document },
  { place: "LISTEN and NOTIFY", what: "channels and what is sent on them, which carry no privilege", document },
];
