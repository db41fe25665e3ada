/** How one attempt against PostgreSQL is made, and the attempt as the catalogue shows it. */
import type { Aim, Attempt, Harm } from "../attempt.ts";
import { examplePoolScene, exampleScene, type ObjectKind, type Scene } from "./scene.ts";

export interface Recipe {
  /** Without the store. */
  readonly id: string;
  readonly aim: Aim;
  readonly tries: string;
  readonly why: string;
  readonly source: string;
  /**
   * The attempt: one statement, or a SET LOCAL that nobody is refused and a statement, in a transaction that is rolled
   * back.
   */
  readonly sql: (scene: Scene) => string;
  /**
   * The statement is a SELECT of one number or boolean that tells what the login has: more than zero, or true, is a
   * leak. NULL says that there is nothing to have: enough for a control.
   *
   * @default false: the statement is refused, or it is a leak
   */
  readonly asks?: boolean;
  /** @default 42501 (insufficient_privilege); `nothing` for a question */
  readonly expected?: readonly [string, ...string[]];
  /** @default "none" */
  readonly harm?: Harm;
  readonly control: Attempt["control"];
  /** @default "app"; controls use the same login of the victim unless `controlLogin` says otherwise */
  readonly login?: Login;
  readonly controlLogin?: Login;
  /** The dry form: a question as of `asks`. Left out: the rolled-back statement itself. */
  readonly dry?: (scene: Scene) => string;
  /** The statement cannot run in a transaction; only for harm `server`, which has a dry form. */
  readonly alone?: boolean;
  /** What an administrator's control does first in its transaction, so that there is something to find. */
  readonly prelude?: (scene: Scene) => string;
  /** Kind of object of the victim that it names; a control is content to be told that there is none. */
  readonly needs?: ObjectKind | "extension" | "partition" | "child";
  /** In place of `sql` where an administrator makes the control. */
  readonly controlSql?: (scene: Scene) => string;
  /** The statement runs on a new connection with these options in its startup message. */
  readonly options?: (scene: Scene) => string;
  /** Begin of the SQLSTATEs that only come after the right was there: the leak itself. */
  readonly leakCode?: string;
  /** A right that is missing shows as a WARNING, and the statement does nothing. */
  readonly warns?: boolean;
  /** It is about what canaries alone have, or would cost a real tenant too much. */
  readonly canaryOnly?: boolean;
  /** It needs a live session of the victim's: `scene.pid`. */
  readonly target?: boolean;
  /** It is a login to this database instead of a statement. */
  readonly connectTo?: string | ((databases: Databases) => string);
  /**
   * - `databases`: only where the two tenants lie in different databases of one server;
   * - `schemas`: only where they lie in one, as everything is that names an object of the victim's schema;
   * - `pool`: only between two members of one pool;
   * - `outside`: only where the victim is in a pool that the attacker is no member of.
   *
   * @default by whether it names one
   */
  readonly between?: "databases" | "schemas" | "pool" | "outside";
}

/** Names of databases for a login from elsewhere. */
export interface Databases {
  readonly victim: string;
  /** The one that holds the catalogue and the tenants of the tier bridge. */
  readonly shared: string;
}

/** `application` is the trusted login that works for every tenant of a pool, where the platform has one. */
export type Login = "app" | "readOnly" | "application";

export function attemptOf(recipe: Recipe): Attempt {
  return {
    id: `postgres/${recipe.id}`,
    store: "postgres",
    aim: recipe.aim,
    tries: recipe.tries,
    how: howOf(recipe),
    expected: recipe.expected ?? (recipe.asks === true ? ["nothing"] : ["42501"]),
    why: recipe.why,
    source: recipe.source,
    harm: recipe.harm ?? "none",
    control: recipe.control,
  };
}

/**
 * Whether it is another attempt for another victim: one that is about the server, or the attacker itself, is made once
 * for each attacker.
 */
export function concernsVictim(recipe: Recipe): boolean {
  // What is about a pool is another attempt in another pool.
  if (recipe.target === true || concernsPool(recipe)) return true;
  return recipe.sql(exampleScene).includes(exampleScene.victim.names.schema);
}

/** Whether it is about a pool: what its members share, or its border. */
export function concernsPool({ between }: Recipe): boolean {
  return between === "pool" || between === "outside";
}

/**
 * Whether it names something in the victim's schema: nothing that another database has, since names end at their
 * database.
 */
export function concernsSchema(recipe: Recipe): boolean {
  if (recipe.between === "schemas" || concernsPool(recipe)) return true;
  const name = exampleScene.victim.names.schema;
  return [`"${name}"`, `'${name}'`].some((quoted) => recipe.sql(exampleScene).includes(quoted));
}

/** Quotes are left out where the name needs none. */
function howOf(recipe: Recipe): string {
  const text = recipe
    .sql(concernsPool(recipe) ? examplePoolScene : exampleScene)
    .replaceAll(/"([a-z_][a-z0-9_]*)"/g, "$1")
    .replaceAll(/\s+/g, " ")
    .trim();
  const notes = [
    ...(recipe.options === undefined ? [] : [`with PGOPTIONS ${recipe.options(examplePoolScene)}`]),
    ...(recipe.login === "readOnly" ? ["as the read-only login"] : []),
    ...(recipe.login === "application" ? ["as the trusted login"] : []),
  ];
  return notes.length === 0 ? text : `${text} -- ${notes.join(", ")}`;
}

/** Page of PostgreSQL's manual. */
export function manual(page: string): string {
  return `https://www.postgresql.org/docs/current/${page}.html`;
}

/** PostgreSQL's own page of a vulnerability. */
export function cve(id: string): string {
  return `https://www.postgresql.org/support/security/CVE-${id}/`;
}
