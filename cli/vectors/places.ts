/** The schemas of a registry's tenants that have columns of vectors, and what each tenant wants of them. */
import { poolNames, poolTenantId, postgresNames } from "../../components/naming.ts";
import type { Platform } from "../../provider/config.ts";
import type { PostgresPools } from "../../provider/postgres/pool.ts";
import type { VectorPlace, WantedColumn } from "../../provider/postgres/vector-look.ts";
import type { TenantRecord } from "../../tenants/load.ts";
import { loadTemplate } from "../../templates/load.ts";
import { vectorSettings } from "../../templates/vectors.ts";

export interface PlaceOfVectors {
  /** Name of the platform's server. */
  readonly server: string;
  readonly place: VectorPlace;
  readonly wanted: readonly WantedColumn[];
  /** Ids of the tenants whose logins are open. */
  readonly open: ReadonlySet<string>;
  /** Whether every tenant of the schema was asked about: only then an index of nobody is one. */
  readonly whole: boolean;
}

export interface Places {
  readonly places: readonly PlaceOfVectors[];
  /** Why a tenant is not looked at, as a sentence. */
  readonly notes: readonly string[];
  readonly faults: readonly string[];
}

/**
 * @param templates - absolute path of the folder of templates
 * @param ids - only these tenants; none: all
 */
export function vectorPlaces(
  records: readonly TenantRecord[],
  platform: Pick<Platform, "postgres">,
  pools: PostgresPools,
  templates: string,
  ids: readonly string[],
): Places {
  const places = new Map<string, { -readonly [K in keyof PlaceOfVectors]: PlaceOfVectors[K] }>();
  const notes: string[] = [];
  const faults: string[] = [];
  const left = new Set<string>();
  for (const record of records) {
    const { id, postgres, placement } = record;
    if (postgres === undefined) continue;
    const template = loadTemplate(templates, postgres.template);
    if (template.vectors.length === 0) continue;
    const server = placement.postgres ?? "";
    const configured = platform.postgres[server];
    const chosen = ids.length === 0 || ids.includes(id);
    if (configured === undefined) {
      if (chosen)
        notes.push(
          `tenant ${id}: it lies on the server "${server}", which is made for it alone and not reached from here`,
        );
      continue;
    }
    const place = placeOf(record, server);
    if (record.tier === "silo") pools.within(place.database, { ...configured, database: place.schema });
    const key = `${place.database} ${place.schema}`;
    if (!chosen) {
      left.add(key);
      continue;
    }
    const known = places.get(key) ?? { server, place, wanted: [], open: new Set(), whole: true };
    places.set(key, known);
    try {
      const tenantId = record.tier === "pool" ? { tenantId: poolTenantId(record.externalId) } : {};
      const settings = vectorSettings(template, postgres.variables);
      known.wanted = [...known.wanted, ...settings.map((one) => ({ ...one, tenant: id, ...tenantId }))];
      if (record.state === "active") known.open = new Set([...known.open, id]);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      faults.push(`tenant ${id}: ${error.message}`);
      left.add(key);
    }
  }
  const all = [...places].map(([key, place]) => ({ ...place, whole: !left.has(key) }));
  return { places: all, notes, faults };
}

function placeOf({ id, prefix, tier, postgres }: TenantRecord, server: string): VectorPlace {
  if (tier === "pool") {
    const { schema, ownerRole } = poolNames(postgres?.pool ?? "");
    return { database: server, schema, ownerRole };
  }
  const { schema, ownerRole } = postgresNames(prefix, id);
  // A database of its own has its schema's name.
  return { database: tier === "silo" ? `${server}/${schema}` : server, schema, ownerRole };
}
