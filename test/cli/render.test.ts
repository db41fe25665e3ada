import { describe, expect, it } from "vitest";
import type { Step, StepKind } from "../../cli/engine.ts";
import { countLine, diagnosticLines, planLines } from "../../cli/render.ts";

function step(kind: StepKind, types: string, name: string, changed: string[] = []): Step {
  return { kind, urn: `urn:pulumi:dev::tenancy::${types}::${name}`, changed };
}

const component = "tenancy:index:TenantSchema";
const child = `${component}$tenancy:postgres:Schema`;

describe("a plan", () => {
  it("shows changed resources only, each behind its own component although another's name begins alike", () => {
    const lines = planLines(
      [
        step("create", child, "acme-corp-schema"),
        step("create", child, "acme-schema"),
        step("create", component, "acme-corp"),
        step("create", component, "acme"),
        step("same", component, "beta"),
      ],
      false,
    );
    expect(lines).toEqual([
      "  + tenancy:index:TenantSchema acme",
      "    + tenancy:postgres:Schema acme-schema",
      "  + tenancy:index:TenantSchema acme-corp",
      "    + tenancy:postgres:Schema acme-corp-schema",
    ]);
  });

  it("names the properties that an update changes, and no value", () => {
    const lines = planLines([step("update", child, "acme-schema", ["connectionLimit", "password"])], false);
    expect(lines).toEqual(["    ~ tenancy:postgres:Schema acme-schema  [connectionLimit, password]"]);
  });

  it("counts what a preview would do and what an update did in their own tense", () => {
    const steps = [step("create", child, "a"), step("delete", child, "b"), step("same", child, "c")];
    expect(countLine("preview", steps)).toBe("1 to create, 1 to delete, 1 unchanged");
    expect(countLine("up", steps)).toBe("1 created, 1 deleted, 1 unchanged");
    expect(countLine("up", [])).toBe("nothing");
  });
});

describe("diagnostics", () => {
  it("name their resource, leave information out, and tell a repeated text once", () => {
    const urn = `urn:pulumi:dev::tenancy::${child}::acme-schema`;
    const error = { severity: "error", urn, message: "the server is full" } as const;
    expect(diagnosticLines([error, error, { severity: "info", message: "starting" }], false)).toEqual([
      "error: tenancy:postgres:Schema acme-schema: the server is full",
    ]);
  });
});
