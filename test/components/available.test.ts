import { describe, expect, it } from "vitest";
import { availableStores } from "../../components/available.ts";
import type { TenantRecord } from "../../tenants/load.ts";

const record = {
  id: "43",
  stores: ["redis", "neo4j"],
  placement: { redis: "main", neo4j: "main" },
  redis: { defaultTtlSeconds: 60, rotation: 0 },
  neo4j: { memory: "1Gi", storageSize: "10Gi", rotation: 0 },
} as unknown as TenantRecord;

describe("stores whose server cannot be had", () => {
  it("are left out of a record, with a warning that says why; the rest stays", () => {
    const warnings: string[] = [];
    const unavailable = { "neo4j/main": "Neo4j needs Java 21 or newer: install it" };
    const others = { ...record, id: "44", placement: { redis: "main", neo4j: "big" } };
    const tenants = availableStores([record, others], { unavailable }, (message) => warnings.push(message));
    expect(warnings).toEqual(["tenant 43: goes without neo4j: Neo4j needs Java 21 or newer: install it"]);
    expect(tenants).toEqual([
      { id: "43", stores: ["redis"], placement: { redis: "main" }, redis: record.redis },
      others,
    ]);
  });

  it("are none where every server can be had", () => {
    const tenants = [record];
    expect(availableStores(tenants, { unavailable: {} }, () => undefined)).toBe(tenants);
  });
});
