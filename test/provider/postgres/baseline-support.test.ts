import { expect, test } from "vitest";
import { assertOffered } from "../../../provider/postgres/baseline-support.ts";
import { templates } from "./support.ts";

const facts = { version: "18.1", offeredExtensions: ["pgcrypto"] };

test("a server without pgvector: the message names the variant of a template and the choice of another", () => {
  expect(() => {
    assertOffered("server main", ["pgcrypto", "vector"], facts, templates);
  }).toThrow(
    "server main: PostgreSQL 18.1 does not offer the extension vector. Install its package on the server, or do without " +
      'it: template "ekn-exact" in the place of "ekn"; search: exact in the variables of "glyph-foundry"',
  );
});

test("an extension that no template is about has no other way out than its package", () => {
  expect(() => {
    assertOffered("server main", ["postgis"], facts, templates);
  }).toThrow("does not offer the extension postgis. Install its package on the server.");
});

test("what the server offers is no fault", () => {
  expect(() => {
    assertOffered("server main", ["pgcrypto"], facts, templates);
  }).not.toThrow();
});
