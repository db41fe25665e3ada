/**
 * `tenancy:index:Routes`: tells the catalogue where each tenant's data is, after all of it is made. One resource of a
 * stack; it depends on every tenant's resources, so that a route never leads to what is not there yet.
 */
import { isDeepStrictEqual } from "node:util";
import { type Finding, repairable, tellAll } from "../finding.ts";
import { type CheckFailure, type Handler, isUnknown } from "../handler.ts";
import type { RoutesInputs } from "../inputs.ts";
import { originOf } from "../postgres/catalogue.ts";
import type { PostgresDependencies } from "../postgres/dependencies.ts";
import { readRoutes, writeRoutes } from "../postgres/routes-store.ts";

export function routesHandler({ pools }: PostgresDependencies): Handler<RoutesInputs, RoutesInputs> {
  return {
    type: "tenancy:index:Routes",
    replaceOn: ["catalogue"],
    secrets: [],

    check(_context, _olds, news): Promise<readonly CheckFailure[]> {
      if (isUnknown(news.catalogue) || pools.names().includes(news.catalogue)) return Promise.resolve([]);
      const known = pools.names().join(", ") || "none";
      const reason = `"${news.catalogue}" is no PostgreSQL server of the platform; it has: ${known}`;
      return Promise.resolve([{ property: "catalogue", reason }]);
    },

    async create(context, inputs) {
      await writeRoutes(pools, originOf(context.urn), inputs);
      return { id: "routes", outputs: inputs };
    },

    async read(context, _id, inputs, outputs) {
      const live = await readRoutes(pools, originOf(context.urn), outputs.catalogue);
      const found: Finding[] = [];
      for (const [id, route] of Object.entries(outputs.routes)) {
        if (isDeepStrictEqual(live.get(id), JSON.parse(JSON.stringify(route)))) continue;
        const is = live.has(id) ? "another" : "none";
        const sentence = `the catalogue does not lead applications to the data of the tenant ${id}`;
        found.push(repairable(`catalogue: route of ${id}`, is, "the tenant's own", sentence));
      }
      for (const id of live.keys()) {
        if (outputs.routes[id] !== undefined) continue;
        const sentence = `the catalogue has a route of ${id}, which has none`;
        found.push(repairable(`catalogue: route of ${id}`, "there", "none", sentence));
      }
      const drift = tellAll(context, found);
      return { inputs: drift.length === 0 ? inputs : { ...inputs, drift }, outputs };
    },

    async update(context, _id, _outputs, news) {
      await writeRoutes(pools, originOf(context.urn), news);
      return news;
    },

    async delete(context, _id, outputs) {
      await writeRoutes(pools, originOf(context.urn), { ...outputs, routes: {} });
    },

    close: () => pools.close(),
  };
}
