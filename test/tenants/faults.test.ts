import { describe, expect, it } from "vitest";
import { type Fault, escapeText, inOrder, nearest, report, under } from "../../tenants/faults.ts";

const fault: Fault = {
  file: "a.yaml",
  line: 3,
  column: 7,
  path: "tenants.acme.tier",
  message: '"silo" is not available in this version',
  found: '"silo"',
  allowed: "bridge",
  fix: "write bridge",
};

describe("report", () => {
  it("has a paragraph a fault and ends with their number", () => {
    expect(report([fault, { ...fault, file: "b.yaml", path: "" }])).toBe(
      `a.yaml:3:7  tenants.acme.tier
  "silo" is not available in this version
  found:   "silo"
  allowed: bridge
  fix:     write bridge

b.yaml:3:7
  "silo" is not available in this version
  found:   "silo"
  allowed: bridge
  fix:     write bridge

2 faults in 2 files`,
    );
    expect(report([fault])).toContain("\n\n1 fault in 1 file");
  });

  it("puts faults in the order of files and places, and tells one that is repeated once", () => {
    const late = { ...fault, line: 9 };
    const other = { ...fault, file: "b.yaml", line: 1 };
    expect(inOrder([other, late, fault, { ...fault, path: "x" }], ["a.yaml", "b.yaml"])).toEqual([fault, late, other]);
  });
});

describe("text of files", () => {
  it("is shown without control characters, marks of direction and lone surrogates", () => {
    expect(escapeText("a\u001b[31m\u0000\n\t\u202e\u200b\u2028\ud800é株")).toBe(
      "a\\u{1b}[31m\\u{0}\\n\\t\\u{202e}\\u{200b}\\u{2028}\\u{d800}é株",
    );
  });

  it("is cut after 80 characters and never through one of them", () => {
    expect(escapeText("x".repeat(80))).toBe("x".repeat(80));
    expect(escapeText("😀".repeat(10_000))).toBe(`${"😀".repeat(80)}…`);
  });

  it("names keys in paths so that each can be told from the others", () => {
    expect(under("", "tenants")).toBe("tenants");
    expect(under("tenants", "a-b")).toBe("tenants.a-b");
    expect(under("tenants", 2)).toBe("tenants[2]");
    expect(under("labels", "example.com/a")).toBe('labels["example.com/a"]');
    expect(under("tenants", "a\u001b")).toBe('tenants["a\\u{1b}"]');
  });
});

describe("nearest", () => {
  it.each([
    ["ownr", ["displayName", "owner", "region"], "owner"],
    ["mian", ["main", "mail"], "main"],
    ["ken", ["kg", "ekn"], "ekn"],
    ["displayname", ["displayName"], "displayName"],
    ["xyz", ["owner", "region"], undefined],
    ["a", ["owner"], undefined],
    ["x".repeat(1_000_000), ["owner"], undefined],
  ])("finds for %.20s the one that was meant", (word, candidates, expected) => {
    expect(nearest(word, candidates)).toBe(expected);
  });
});
