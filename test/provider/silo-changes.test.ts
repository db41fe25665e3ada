import { describe, expect, it } from "vitest";
import { siloRefusals } from "../../provider/index/silo-changes.ts";

const live = { storageSize: "10Gi", storageClass: "encrypted-ssd" } as const;

describe("a live silo", () => {
  it("grows in place, also into another unit", () => {
    expect(siloRefusals(live, { ...live, storageSize: "20Gi" })).toEqual([]);
    expect(siloRefusals({ ...live, storageSize: "1024Gi" }, { ...live, storageSize: "1Ti" })).toEqual([]);
    expect(siloRefusals({ ...live, storageSize: "1000Gi" }, { ...live, storageSize: "1Ti" })).toEqual([]);
  });

  it("does not shrink, and is told both sizes", () => {
    expect(siloRefusals({ ...live, storageSize: "1Ti" }, { ...live, storageSize: "900Gi" })).toEqual([
      "silo.storageSize is 900Gi and was 1Ti: a volume only grows. Write at least 1Ti.",
    ]);
  });

  it("keeps its storage class, also where none was written", () => {
    expect(siloRefusals(live, { storageSize: "10Gi" })).toEqual([
      'silo.storageClass is left out and was "encrypted-ssd": volumes keep their class. Restore it; to move the data, ' +
        "recover it into a new tenant with silo.recoverFrom and let this one leave.",
    ]);
    expect(siloRefusals({ storageSize: "10Gi" }, live)).toHaveLength(1);
  });

  it("keeps what it was recovered from, of which the names inside are made", () => {
    const recovered = { ...live, recoverFrom: { tenant: "acme", time: "2026-03-01T12:00:00Z" } };
    expect(siloRefusals(recovered, recovered)).toEqual([]);
    expect(siloRefusals(recovered, live)).toEqual([
      "silo.recoverFrom is left out and was acme at 2026-03-01T12:00:00Z: it is only read while the database is made, " +
        "and the names inside follow from it. Restore it as it was.",
    ]);
    expect(siloRefusals(live, recovered)).toHaveLength(1);
    const later = { ...live, recoverFrom: { tenant: "acme", time: "2026-03-02T12:00:00Z" } };
    expect(siloRefusals(recovered, later)).toHaveLength(1);
  });
});
