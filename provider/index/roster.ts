/**
 * `tenancy:index:Roster`: the brake. It sees the tenants of the last update and of this one, and refuses at preview
 * what would lose data; every tenant's resources depend on it.
 */
import { type CheckFailure, type Handler, ProviderError } from "../handler.ts";
import { type RosterEntry, type RosterInputs, type RosterOutputs, storeNames } from "../inputs.ts";
import { isTombstone, originOf } from "../postgres/catalogue.ts";
import { type CatalogueRow, readCatalogue, takenText, writeRoster } from "../postgres/catalogue-store.ts";
import type { PostgresDependencies } from "../postgres/dependencies.ts";

export function rosterHandler({ pools }: PostgresDependencies): Handler<RosterInputs, RosterOutputs> {
  return {
    type: "tenancy:index:Roster",
    replaceOn: [],
    secrets: [],

    async check(context, olds, news) {
      if (!pools.names().includes(news.catalogue)) {
        return [
          {
            property: "catalogue",
            reason:
              `"${news.catalogue}" is no PostgreSQL server of the platform; ` +
              `it has: ${pools.names().join(", ") || "none"}`,
          },
        ];
      }
      const reasons: string[] = [];
      if (!Number.isInteger(news.maxDeletes) || news.maxDeletes < 0) {
        reasons.push(`maxDeletes is ${news.maxDeletes}; allowed is an integer of at least 0`);
      }
      const origin = originOf(context.urn);
      let rows: CatalogueRow[];
      try {
        rows = await readCatalogue(pools, news.catalogue, origin, news);
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        return [{ property: "catalogue", reason: error.message }];
      }
      reasons.push(...duplicateExternalIds(news, rows));
      for (const row of rows) {
        if (news.tenants[row.id] === undefined) continue;
        const foreign = row.project !== origin.project || row.stack !== origin.stack;
        if (isTombstone(row.status) || foreign) reasons.push(takenText(row, origin));
      }
      if (olds !== undefined) reasons.push(...leavingFaults(olds, news));
      reasons.push(...changedFaults(olds, news, rows));
      if (olds === undefined) {
        const mine = rows.filter((row) => row.project === origin.project && row.stack === origin.stack);
        reasons.push(...lostFaults(mine, news));
      }
      return reasons.length === 0 ? [] : [failure(reasons)];
    },

    async create(context, inputs) {
      const since = await writeRoster(pools, originOf(context.urn), inputs, {});
      return { id: "roster", outputs: { ...inputs, since } };
    },

    read(_context, _id, inputs, outputs) {
      return Promise.resolve({ inputs, outputs });
    },

    async update(context, _id, outputs, news) {
      const leaving = Object.fromEntries(
        Object.entries(outputs.tenants).filter(([id]) => news.tenants[id] === undefined),
      );
      const since = await writeRoster(pools, originOf(context.urn), news, leaving);
      return { ...news, since };
    },

    /**
     * The catalogue outlives the stack: it tells which ids were given before. A tenant with a schema got its tombstone
     * with the schema's end; one without gets it here.
     */
    async delete(context, _id, outputs) {
      // A silo on a cloud's server ends with the server.
      const left = Object.entries(outputs.tenants).filter(
        ([, { placement, tier }]) => placement.postgres === undefined || tier === "silo",
      );
      if (left.length === 0) return;
      await writeRoster(pools, originOf(context.urn), { ...outputs, tenants: {} }, Object.fromEntries(left));
    },

    close: () => pools.close(),
  };
}

function failure(reasons: readonly string[]): CheckFailure {
  return { property: "tenants", reason: reasons.length === 1 ? (reasons[0] ?? "") : `\n- ${reasons.join("\n- ")}` };
}

/** What the Roster refuses by the registries alone, for a look ahead without a server. */
export function rosterFaults(olds: RosterInputs, news: RosterInputs): string[] {
  return [...leavingFaults(olds, news), ...changedFaults(olds, news, [])];
}

function leavingFaults(olds: RosterInputs, news: RosterInputs): string[] {
  const leaving = Object.entries(olds.tenants).filter(([id]) => news.tenants[id] === undefined);
  const reasons = leaving.flatMap(([id, entry]) => {
    const recorded: string[] = [];
    if (entry.state !== "offboarding") {
      recorded.push(
        `tenant ${id}: leaves the registry in the state ${entry.state}. Put it back with \`state: offboarding\` and a ` +
          `\`backupWaiver\`, run \`up\`, and then remove it in a second change.`,
      );
    } else if (entry.backupWaiver === undefined) {
      recorded.push(
        `tenant ${id}: leaves the registry without a backupWaiver. Put it back with \`backupWaiver: {reason, name}\` ` +
          `(why its data needs no backup, and who says so), run \`up\`, and then remove it.`,
      );
    }
    return recorded;
  });
  if (leaving.length > news.maxDeletes) {
    reasons.push(
      `${leaving.length} tenants leave at once (${leaving.map(([id]) => id).join(", ")}); maxDeletes allows ` +
        `${news.maxDeletes}. Remove them in several changes, or raise maxDeletes for this one.`,
    );
  }
  return reasons;
}

/** What a live tenant keeps for its life: the names and places of its data follow from it. */
function changedFaults(olds: RosterInputs | undefined, news: RosterInputs, rows: readonly CatalogueRow[]): string[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return Object.entries(news.tenants).flatMap(([id, entry]) => {
    const before = olds?.tenants[id] ?? entryOf(byId.get(id));
    if (before === undefined) return [];
    const changes: string[] = [];
    const compare = (name: string, was: string | undefined, is: string | undefined) => {
      if (was === is || was === undefined) return;
      changes.push(
        `tenant ${id}: ${name} of a live tenant cannot change (from "${was}" to ${is === undefined ? "none" : `"${is}"`}). ` +
          `Restore it; data is not moved by a change of this word.`,
      );
    };
    compare("prefix", before.prefix, entry.prefix);
    compare("region", before.region, entry.region);
    compare("externalId", before.externalId, entry.externalId);
    compare("tier", before.tier, entry.tier);
    for (const store of storeNames) {
      compare(`placement.${store}`, before.placement[store], entry.placement[store]);
    }
    return [...changes, ...fixedFaults(id, olds?.tenants[id], entry)];
  });
}

/** A server of the tenant's own goes only with the tenant, and so do its rows in a pool. */
function fixedFaults(id: string, before: RosterEntry | undefined, entry: RosterEntry): string[] {
  if (before === undefined || before.state === "offboarding") return [];
  const changed = Object.entries(before.fixed ?? {}).flatMap(([name, was]) => {
    const is = entry.fixed?.[name] ?? "none";
    if (is === was) return [];
    return [
      `tenant ${id}: ${name} cannot change from "${was}" to "${is}": ` +
        (name === "postgres.pool" || name === "tenant_id"
          ? `its rows would stay where they are, and its logins would not see them. Restore it.`
          : `that would make another server, without the data. Restore it; a tenant that shall have it otherwise is ` +
            `recovered into a new one (silo.recoverFrom).`),
    ];
  });
  const shrunk = Object.entries(before.sizes ?? {}).flatMap(([name, was]) => {
    const is = entry.sizes?.[name] ?? was;
    return is >= was
      ? []
      : [`tenant ${id}: ${name} cannot shrink from ${was}Gi to ${is}Gi. Restore it, or let it grow.`];
  });
  return [...changed, ...shrunk];
}

function entryOf(
  row: CatalogueRow | undefined,
):
  | { prefix?: string; region?: string; tier?: string; externalId: string; placement: RosterEntry["placement"] }
  | undefined {
  if (row === undefined || isTombstone(row.status)) return undefined;
  return {
    ...(row.prefix === null ? {} : { prefix: row.prefix }),
    ...(row.region === null ? {} : { region: row.region }),
    ...(row.tier === null ? {} : { tier: row.tier }),
    externalId: row.external_id,
    placement: row.placement,
  };
}

/** Without a state nothing would ever delete what these tenants hold. */
function lostFaults(rows: readonly CatalogueRow[], news: RosterInputs): string[] {
  return rows
    .filter((row) => !isTombstone(row.status) && news.tenants[row.id] === undefined)
    .map(
      (row) =>
        `tenant ${row.id}: is live in the catalogue (${row.status}) and neither in the registry nor in the stack's ` +
        `state, which has no roster. Restore the state from its backup, or put the tenant back into the registry.`,
    );
}

function duplicateExternalIds(news: RosterInputs, rows: readonly CatalogueRow[]): string[] {
  const owners = new Map(rows.map((row) => [row.external_id, row.id]));
  return Object.entries(news.tenants).flatMap(([id, { externalId }]) => {
    const owner = owners.get(externalId);
    if (owner !== undefined && owner !== id) {
      return [`tenant ${id}: the externalId "${externalId}" is the tenant ${owner}'s in the catalogue. Use another.`];
    }
    owners.set(externalId, id);
    return [];
  });
}
