/**
 * Where a tenant's data is, for applications: from the catalogue of tenants, and from nowhere else. It fails closed: a
 * tenant that is unknown, suspended, leaving or not made yet, and a catalogue that does not answer, are errors and never
 * the shared database. docs/resolve.md.
 */
import { z } from "zod";

/** Where the tenant's credentials lie, as in `file:///srv/credentials/acme.json`. Never a credential. */
export type SecretReference = string;

const addressSchema = z.object({ host: z.string().min(1), port: z.int().min(1).max(65535) });

const rowSchema = z
  .object({
    id: z.string(),
    external_id: z.string(),
    tier: z.enum(["pool", "bridge", "silo"]),
    status: z.string(),
    region: z.string(),
    route: z
      .object({
        host: z.string().min(1),
        port: z.int(),
        database: z.string().min(1),
        schema: z.string().min(1),
        user: z.string().min(1),
        pooler: addressSchema.optional(),
        secret: z.string().optional(),
        tenantId: z.uuid().optional(),
      })
      .nullable(),
  })
  // Without it nobody knows which rows of the pool are the tenant's.
  .refine(({ tier, route }) => tier !== "pool" || route === null || route.tenantId !== undefined, {
    path: ["route", "tenantId"],
  });

/** A tenant's place in PostgreSQL. */
export interface Route {
  readonly tenant: string;
  /** The tenant's id in the platform's own systems. */
  readonly externalId: string;
  readonly tier: "pool" | "bridge" | "silo";
  readonly region: string;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** The pool's, of a tenant in a pool. */
  readonly schema: string;
  /** Login of the application. */
  readonly user: string;
  /** Only of a tenant in a pool: what its rows carry as `tenant_id`. */
  readonly tenantId?: string;
  /** Address of the connection pooler, where there is one. */
  readonly pooler?: { readonly host: string; readonly port: number };
  /** Left out where the platform delivers no credentials. */
  readonly secret?: SecretReference;
}

/** Why a tenant has no route. */
export type Refusal = "unknown" | "not ready" | "suspended" | "leaving" | "no database" | "catalogue";

/** The tenant's data must not be read or written now; not anywhere else either. */
export class TenantUnavailable extends Error {
  override readonly name = "TenantUnavailable";
  readonly tenant: string;
  readonly refusal: Refusal;

  constructor(tenant: string, refusal: Refusal, message: string, cause?: unknown) {
    super(`tenant ${JSON.stringify(tenant.slice(0, 80))}: ${message}`, { cause });
    this.tenant = tenant;
    this.refusal = refusal;
  }
}

/** What of a client of PostgreSQL is needed: `pg.Pool` has it. */
export interface Queries {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>;
}

export interface ResolverOptions {
  /** Logged in as the catalogue's resolver, which may read `platform.routes` and nothing else. */
  readonly catalogue: Queries;
  /**
   * Milliseconds for which a route, and that a tenant has none, is remembered. A tenant that is suspended is refused at
   * the latest after this time.
   * @default 30000
   */
  readonly expiryMs?: number;
  /**
   * Tenants that are remembered at most; the one asked least recently is forgotten first.
   * @default 10000
   */
  readonly capacity?: number;
  /** @default Date.now */
  readonly now?: () => number;
}

interface Entry {
  readonly until: number;
  readonly answer: Promise<Route>;
}

const idPattern = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/;
const query = "SELECT id, external_id, tier, status, region, route FROM platform.routes WHERE id = $1";

/**
 * @example
 * const resolver = new Resolver({ catalogue: new pg.Pool({ user: "tenancy_resolver", … }) });
 * const { host, port, database, schema, secret } = await resolver.resolve("acme");
 */
export class Resolver {
  readonly #catalogue: Queries;
  readonly #expiryMs: number;
  readonly #capacity: number;
  readonly #now: () => number;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();

  constructor({ catalogue, expiryMs = 30_000, capacity = 10_000, now = Date.now }: ResolverOptions) {
    this.#catalogue = catalogue;
    this.#expiryMs = expiryMs;
    this.#capacity = capacity;
    this.#now = now;
  }

  /**
   * The tenant's route. Callers that ask for one tenant at the same time share one question to the catalogue.
   *
   * @param id - the tenant's id in the registry
   * @throws TenantUnavailable when there is none: never go on with another database
   */
  async resolve(id: string): Promise<Route> {
    if (!idPattern.test(id)) throw new TenantUnavailable(id, "unknown", "this is no tenant's id");
    const known = this.#entries.get(id);
    if (known !== undefined && known.until > this.#now()) {
      this.#remember(id, known);
      return known.answer;
    }
    const entry: Entry = { until: this.#now() + this.#expiryMs, answer: this.#ask(id) };
    this.#remember(id, entry);
    try {
      return await entry.answer;
    } catch (error) {
      // What the catalogue did not say is asked again; what it said is remembered like a route.
      const unsaid = error instanceof TenantUnavailable && error.refusal === "catalogue";
      if (unsaid && this.#entries.get(id) === entry) this.#entries.delete(id);
      throw error;
    }
  }

  /** Forgets one tenant, or all: the next question goes to the catalogue. */
  forget(id?: string): void {
    if (id === undefined) this.#entries.clear();
    else this.#entries.delete(id);
  }

  #remember(id: string, entry: Entry): void {
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    if (this.#entries.size <= this.#capacity) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  async #ask(id: string): Promise<Route> {
    let rows: unknown[];
    try {
      ({ rows } = await this.#catalogue.query(query, [id]));
    } catch (cause) {
      throw new TenantUnavailable(id, "catalogue", "the catalogue of tenants does not answer; try again later", cause);
    }
    if (rows.length === 0) throw new TenantUnavailable(id, "unknown", "the catalogue has no such tenant");
    const parsed = rowSchema.safeParse(rows[0]);
    if (!parsed.success) {
      const places = parsed.error.issues.map(({ path }) => path.join(".")).join(", ");
      throw new TenantUnavailable(id, "catalogue", `the catalogue's entry is not complete (${places})`);
    }
    return routeOf(parsed.data);
  }
}

function routeOf({ id, external_id, tier, status, region, route }: z.infer<typeof rowSchema>): Route {
  if (status === "suspended") throw new TenantUnavailable(id, "suspended", "it is suspended");
  if (["offboarding", "removing", "removed"].includes(status)) {
    throw new TenantUnavailable(id, "leaving", status === "offboarding" ? "it is leaving" : "it was removed");
  }
  if (status !== "ready") throw new TenantUnavailable(id, "not ready", "its place is not made yet");
  if (route === null) throw new TenantUnavailable(id, "no database", "it has no place in PostgreSQL");
  return { tenant: id, externalId: external_id, tier, region, ...route };
}
