import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { removeIn, setIn, valueIn } from "../../../cli/edit/yaml-text.ts";
import { UserError } from "../../../cli/user-error.ts";

const registry = `# Head.
maxDeletes: 1 # one at a time

tenants:
  # Our first customer.
  acme:
    displayName: 'Acme' # quoted by hand
    postgres: { connectionLimit: 20 } # measured
    # The rest of acme.
    labels:
      plan: gold

  # Since 2026.
  globex:
    displayName: Globex
    stores:
      - postgres
      - redis

# Tail.
`;

/** Lines that are only on one side. */
function difference(before: string, after: string): { gone: string[]; come: string[] } {
  const [old, now] = [before.split("\n"), after.split("\n")];
  return { gone: old.filter((line) => !now.includes(line)), come: now.filter((line) => !old.includes(line)) };
}

describe("setIn", () => {
  it.each<[string, string[], Parameters<typeof setIn>[2], string[], string[]]>([
    ["a scalar in quotes", ["tenants", "acme", "displayName"], "Acme Inc.", ["    displayName: 'Acme' # quoted by hand"], ["    displayName: Acme Inc. # quoted by hand"]],
    ["a value in a flow map", ["tenants", "acme", "postgres", "connectionLimit"], 7, ["    postgres: { connectionLimit: 20 } # measured"], ["    postgres: { connectionLimit: 7 } # measured"]],
    ["a new key in a flow map", ["tenants", "acme", "postgres", "rotation"], 1, ["    postgres: { connectionLimit: 20 } # measured"], ["    postgres: { connectionLimit: 20, rotation: 1 } # measured"]],
    ["a new key in a block map", ["tenants", "acme", "labels", "team"], "a", [], ["      team: a"]],
    ["a map that is not there", ["tenants", "globex", "redis", "rotation"], 1, [], ["    redis: { rotation: 1 }"]],
    ["a list in place of a block list", ["tenants", "globex", "stores"], ["storage"], ["    stores:", "      - postgres", "      - redis"], ["    stores: [storage]"]],
    ["a text that YAML would take for a number", ["tenants", "globex", "displayName"], "123", ["    displayName: Globex"], ['    displayName: "123"']],
    ["a number at the top", ["maxDeletes"], 3, ["maxDeletes: 1 # one at a time"], ["maxDeletes: 3 # one at a time"]],
  ])("changes %s, and no other line", (_what, path, value, gone, come) => {
    const after = setIn(registry, path, value);
    expect(difference(registry, after)).toEqual({ gone, come });
    expect(valueIn(after, path)).toEqual(value);
  }); // prettier-ignore

  it("adds a record with the blank line that the others have between them, in front of the comment at the end", () => {
    const after = setIn(registry, ["tenants", "initech"], { displayName: "Initech", postgres: { connectionLimit: 2 } });
    const added = "\n  initech:\n    displayName: Initech\n    postgres: { connectionLimit: 2 }\n";
    expect(after).toBe(registry.replace("      - redis\n", `      - redis\n${added}`));
  });

  it("gives a key without a value one", () => {
    expect(setIn("a:\n  b: # later\n  c: 1\n", ["a", "b"], "x")).toBe("a:\n  b: x # later\n  c: 1\n");
    expect(setIn("a:\nc: 1\n", ["a", "b"], "x")).toBe("a: { b: x }\nc: 1\n");
  });

  it("keeps line ends of Windows and a missing one at the end", () => {
    expect(setIn("a: 1\r\nb: 2\r\n", ["b"], 3)).toBe("a: 1\r\nb: 3\r\n");
    expect(setIn("a: 1\nb: 2", ["b"], 3)).toBe("a: 1\nb: 3");
  });

  it.each([
    ["an anchor", "a: &x { b: 1 }\nc: *x\n", ["a", "b"]],
    ["an alias", "a: &x { b: 1 }\nc: *x\n", ["c", "b"]],
    ["a tag", "a: !!str 1\n", ["a"]],
    ["text on the way", "a: text\n", ["a", "b"]],
    ["a file that is a list", "- a\n", ["a"]],
    ["a file that is not YAML", "a: [\n", ["a"]],
  ])("refuses %s instead of guessing", (_what, text, path) => {
    expect(() => setIn(text, path, 2)).toThrow(UserError);
  });

  it("changes nothing but the one value, whatever else stands in the file", () => {
    const word = fc.stringMatching(/^[a-z]{1,6}$/);
    const scalar = fc.oneof(fc.integer(), fc.boolean(), fc.string({ unit: "grapheme", maxLength: 20 }));
    const records = fc.dictionary(word, fc.dictionary(word, scalar, { minKeys: 1, maxKeys: 4 }), {
      minKeys: 1,
      maxKeys: 4,
    });
    fc.assert(
      fc.property(records, word, word, scalar, fc.boolean(), (tenants, id, key, value, flow) => {
        const lines = Object.entries(tenants).flatMap(([name, record]) => {
          const entries = Object.entries(record).map(([inner, text]) => `${inner}: ${JSON.stringify(text)}`);
          return flow
            ? [`  ${name}: { ${entries.join(", ")} } # ${name}`]
            : [`  ${name}: # ${name}`, ...entries.map((entry) => `    ${entry}`)];
        });
        const text = `# begin\ntenants:\n${lines.join("\n")}\n# end\n`;
        const after = setIn(text, ["tenants", id, key], value);
        expect(valueIn(after, [])).toEqual({ tenants: { ...tenants, [id]: { ...tenants[id], [key]: value } } });
        for (const name of Object.keys(tenants)) expect(after).toContain(`# ${name}`);
        expect(after.startsWith("# begin\n") && after.endsWith("# end\n")).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe("removeIn", () => {
  it("takes a record out with the comment above it, and leaves the others as they are", () => {
    const after = removeIn(registry, ["tenants", "acme"]);
    const [head = "", rest = ""] = registry.split("  # Our first customer.\n");
    expect(after).toBe(`${head}${rest.slice(rest.indexOf("  # Since 2026."))}`);
  });

  it("takes the last record out with the blank line before it", () => {
    const after = removeIn(registry, ["tenants", "globex"]);
    expect(after).toBe(`${registry.slice(0, registry.indexOf("\n  # Since 2026."))}\n# Tail.\n`);
  });

  it("writes an empty map where the last key goes, so that the file stays legal", () => {
    expect(removeIn("tenants:\n  a:\n    b: 1\n", ["tenants", "a"])).toBe("tenants: {}\n");
    expect(removeIn("a: { b: 1 }\n", ["a", "b"])).toBe("a: {}\n");
  });

  it("takes a key out of a flow map, at its begin, middle and end", () => {
    expect(removeIn("m: { a: 1, b: 2, c: 3 } # x\n", ["m", "a"])).toBe("m: { b: 2, c: 3 } # x\n");
    expect(removeIn("m: { a: 1, b: 2, c: 3 } # x\n", ["m", "b"])).toBe("m: { a: 1, c: 3 } # x\n");
    expect(removeIn("m: { a: 1, b: 2, c: 3 } # x\n", ["m", "c"])).toBe("m: { a: 1, b: 2 } # x\n");
  });

  it("gives the same text where the key is not there", () => {
    expect(removeIn(registry, ["tenants", "nobody"])).toBe(registry);
  });
});
