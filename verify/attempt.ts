/**
 * What `tenancy verify` tries, and what came of it. The catalogue is a list of `Attempt`s for each store; a `StoreProbe`
 * carries them out with a tenant's own logins. docs/attempts.md is generated from it.
 */
import type { StoreName } from "../provider/inputs.ts";
import type { Party } from "./party.ts";

/** What the attacker would gain. */
export const aims = ["read", "write", "destroy", "observe", "exhaust", "escape"] as const;
export type Aim = (typeof aims)[number];

/**
 * What an attempt would do if it were not denied, and so where it may be made:
 * - `none`: it returns no row, keeps no lock and changes nothing (rolled back): against every tenant;
 * - `victim`: it would change or delete what the victim has: against a canary only;
 * - `server`: everyone on the server would feel it: for real on the embedded servers only, elsewhere in its dry form.
 */
export type Harm = "none" | "victim" | "server";

/**
 * How an attempt is made: `real` is the statement or call itself; `dry` asks the server whether it would let the login
 * do it (ACL DRYRUN, a privilege function, a transaction that is rolled back), and is all that is done on shared servers
 * where a success would be felt by everyone.
 */
export type Form = "real" | "dry";

export interface Attempt {
  /** `<store>/<kebab-case>`: stands in reports, and never changes its meaning. */
  readonly id: string;
  readonly store: StoreName;
  readonly aim: Aim;
  /** Completes "A tenant tries to …", as in `read a table of another tenant`. */
  readonly tries: string;
  /** Statement or call, with the names of the two tenants as `attacker` and `victim`. */
  readonly how: string;
  /** Codes of the refusals that are right: SQLSTATE, begin of the Redis error, HTTP status and S3 code; `nothing` where the answer is empty. */
  readonly expected: readonly [string, ...string[]];
  /** Why it matters: what was lost where this worked. */
  readonly why: string;
  /** Vendor page, CVE or issue behind it. */
  readonly source: string;
  readonly harm: Harm;
  /**
   * Who is able to do the same, which shows that a denial is one and the probe not broken: the victim on its own data,
   * or, for what no tenant may do to anyone, an administrator of the server.
   */
  readonly control: "victim" | "administrator";
}

/** What the server answered. */
export type Outcome =
  /** Refused with this code; `nothing` for an answer without a row, key or object of the victim. */
  | { readonly kind: "denied"; readonly code: string }
  /** It worked. The evidence tells that, and no data: `1 row`, `OK`. */
  | { readonly kind: "allowed"; readonly evidence: string }
  /** No answer that says either: a lost connection, a missing table. Never a secret. */
  | { readonly kind: "failed"; readonly reason: string };

/** A few kept connections of one tenant's own logins. */
export interface ProbeSession {
  /**
   * Makes one attempt against the victim; against itself it is the attempt's control.
   * Refusals and faults are outcomes: it never throws.
   */
  attempt(attempt: Attempt, victim: Party, form: Form): Promise<Outcome>;
  close(): Promise<void>;
}

/** What every tenant sees of others by design, with the page that says so; more than this is a leak. */
export interface Residue {
  /** As in `pg_catalog.pg_class`. */
  readonly place: string;
  readonly what: string;
  /** Page of the documents, as in `docs/postgresql.md#what-stays-visible`. */
  readonly document: string;
}

export interface StoreProbe {
  readonly store: StoreName;
  readonly attempts: readonly Attempt[];
  readonly residue: readonly Residue[];
  /**
   * Whether the attempt is possible on this kind of server, as policies are on S3 and not in folders, and between these
   * two. Without an attacker: whether any could make it.
   */
  applies(attempt: Attempt, victim: Party, attacker?: Party): boolean;
  /** Gives a canary things to attack: rows, keys, objects, made with its own login. Can be run again. */
  furnish(canary: Party): Promise<void>;
  /** @throws ProbeError when a login of the tenant does not get in. */
  open(attacker: Party): Promise<ProbeSession>;
  /** The administrator's session on the victim's server, for controls; undefined where the platform names none. */
  openAdministrator(victim: Party): Promise<ProbeSession | undefined>;
  /** Places where the attacker can see the victim's names, whatever they are: what is beyond `residue` has grown. */
  visible(attacker: Party, victim: Party): Promise<readonly string[]>;
}

/** An attempt could not be made: the reason, without a secret. */
export class ProbeError extends Error {
  override readonly name = "ProbeError";
}
