import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canaryPrefix, neo4jNames, prefixMaxLength, isReservedPrefix } from "../../../components/naming.ts";
import * as cypher from "../../../provider/neo4j/cypher.ts";

describe("an identifier", () => {
  // Each was run against Neo4j Community 2026.08.1: the name on the left came back from the text on the right.
  it.each([
    ["ekn-42", "`ekn-42`"],
    ["a`b", "`a``b`"],
    ["a``b", "`a````b`"],
    ["a\\b", "`a\\u005Cb`"],
    ["a\\u0060b", "`a\\u005Cu0060b`"],
    ["a``\\u0060`b", "`a````\\u005Cu0060``b`"],
    ["x` SET STATUS ACTIVE //", "`x`` SET STATUS ACTIVE //`"],
  ])("of %s is quoted so that nothing gets out of it", (name, quoted) => {
    expect(cypher.quote(name)).toBe(quoted);
  });

  it("is refused when it is empty or has a NUL", () => {
    expect(() => cypher.quote("")).toThrow(RangeError);
    expect(() => cypher.quote("a\0b")).toThrow(RangeError);
  });

  it("of any text reads back as that text, and holds no backtick that could end it", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, unit: fc.constantFrom("a", "`", "\\", "\\u0060", "u", " ", "'", "$") }),
        (name) => {
          const quoted = cypher.quote(name);
          const inner = quoted.slice(1, -1);
          // As Cypher reads it: escapes first, wherever they stand, then pairs of backticks.
          const escapes = [...inner.matchAll(/\\u([0-9A-Fa-f]{4})/g)].map(([, hex]) => hex);
          expect(escapes.every((hex) => hex === "005C")).toBe(true);
          expect(inner.replaceAll("``", "")).not.toContain("`");
          expect(inner.replaceAll("``", "`").replaceAll("\\u005C", "\\")).toBe(name);
        },
      ),
    );
  });
});

describe("names", () => {
  it.each(["ekn-42", "abc", "a".repeat(63), "tenant-acme-corp", "a--b-1"])("of databases: %s is legal", (name) => {
    expect(cypher.isDatabaseName(name)).toBe(true);
  });

  it.each([
    "ekn_42",
    "ab",
    "a".repeat(64),
    "-abc",
    "abc-",
    "42-ekn",
    "system",
    "systems-1",
    "Abc",
    "a.b",
    "a`b",
    "a b",
    "",
    7,
    undefined,
  ])("of databases: %s is refused", (name) => {
    expect(cypher.isDatabaseName(name)).toBe(false);
  });

  it.each(["a-b", "a`b", "a\\u0060", "", "1a", "_a", "a b", "a\n", "a".repeat(64), null])(
    "of roles: %s is refused",
    (name) => {
      expect(cypher.isName(name)).toBe(false);
    },
  );

  it.each(["db.labels", "apoc.coll.*", "a.b.c"])("of procedures: %s is legal", (name) => {
    expect(cypher.isProcedureName(name)).toBe(true);
  });

  it.each(["*", "db", "db.*.x", "db.labels, x", "db.labels ON DBMS", "a.`b`", ""])(
    "of procedures: %s is refused",
    (name) => {
      expect(cypher.isProcedureName(name)).toBe(false);
    },
  );

  it("of every tenant are legal", () => {
    const prefix = fc.stringMatching(/^[a-z][a-z0-9]{0,5}(_[a-z0-9]{1,4}){0,2}$/);
    const id = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/);
    fc.assert(
      fc.property(prefix, id, (somePrefix, someId) => {
        fc.pre(somePrefix.length <= prefixMaxLength && !isReservedPrefix(somePrefix));
        const { database, role, username } = neo4jNames(somePrefix, someId);
        expect(
          [database, role, username].map((name, at) => (at === 0 ? cypher.isDatabaseName(name) : cypher.isName(name))),
        ).toEqual([true, true, true]);
      }),
    );
    expect(cypher.isDatabaseName(neo4jNames(canaryPrefix, "t0abcd-00000000").database)).toBe(true);
  });
});

it("a password is a parameter in every statement that has one, and in no text", () => {
  const secret = "planted'`\\u0060";
  for (const { text, params } of [cypher.createUser("u", secret, "d-b", "ACTIVE"), cypher.setPassword("u", secret)]) {
    expect(text).not.toContain("planted");
    expect(params).toEqual({ password: secret });
  }
});
