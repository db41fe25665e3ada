/** A Resolver and the pools of its servers in one: work for a tenant by its id. */
import type pg from "pg";
import type { Resolver, Route } from "./resolve.ts";
import { TenantError } from "./tenant-error.ts";
import { type TenantTransaction, withTenant, type WithTenantOptions } from "./with-tenant.ts";

export interface TenantsOptions {
  readonly resolver: Resolver;
  /**
   * The pool of a route: of the server's trusted login for the tiers pool and bridge, of the tenant's own for a silo.
   * Asked for each time; keep the pools.
   *
   * @throws an error where there is none: never give another
   */
  readonly pool: (route: Route) => pg.Pool | Promise<pg.Pool>;
}

/**
 * @example
 * const tenants = new Tenants({ resolver, pool: ({ host }) => poolOf(host) });
 * await tenants.with("acme", (tx) => tx.query("UPDATE settings SET theme = $1", ["dark"]));
 */
export class Tenants {
  readonly #resolver: Resolver;
  readonly #pool: TenantsOptions["pool"];

  constructor({ resolver, pool }: TenantsOptions) {
    this.#resolver = resolver;
    this.#pool = pool;
  }

  /**
   * @throws TenantUnavailable where the tenant has no route, or what `withTenant` throws. A route that the server refuses
   * is forgotten: the next call asks the catalogue
   */
  async with<T>(id: string, work: (tx: TenantTransaction) => Promise<T>, options?: WithTenantOptions): Promise<T> {
    const route = await this.#resolver.resolve(id);
    try {
      return await withTenant(await this.#pool(route), route, work, options);
    } catch (error) {
      if (error instanceof TenantError && error.fault === "refused") this.#resolver.forget(id);
      throw error;
    }
  }
}
