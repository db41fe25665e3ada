import { execFileSync } from "node:child_process";
import { chmodSync, symlinkSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { maxFileBytes } from "../../tenants/files.ts";
import { Folder, head, record } from "./fixture.ts";

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => {
  folder.remove();
});

function told(text: string | Uint8Array): string[] {
  return folder.write({ "registry.yaml": text }).told();
}

describe("files that are no readable text", () => {
  it("tells that the file is missing", () => {
    expect(folder.told()).toEqual(["1:1 : the file does not exist"]);
  });

  it("tells that the path is a folder", () => {
    folder.registry = folder.path;
    expect(folder.faults().map(({ message }) => message)).toEqual(["the path is a folder"]);
  });

  it("refuses a pipe at once instead of waiting for it, and a link to nothing", () => {
    execFileSync("mkfifo", [folder.registry]);
    expect(folder.told()).toEqual(["1:1 : the path is no regular file"]);
    folder.remove();
    folder = new Folder();
    symlinkSync("nowhere", folder.registry);
    expect(folder.told()).toEqual(["1:1 : the file does not exist"]);
  });

  it("tells that the file may not be read", () => {
    folder.write({ "registry.yaml": "tenants: {}\n" });
    chmodSync(folder.path, 0o755);
    chmodSync(folder.registry, 0o000);
    const root = process.geteuid?.() === 0;
    if (root) process.seteuid?.(65534);
    try {
      expect(folder.told()).toEqual(["1:1 : it cannot be read"]);
      expect(folder.faults()[0]).toMatchObject({ found: "EACCES: no permission" });
    } finally {
      if (root) process.seteuid?.(0);
    }
  });

  it.each(["", "\n\n", "# nothing\n", "---\n", "---\n...\n", "null\n", "\ufeff"])("tells that %j is empty", (text) => {
    expect(told(text)).toEqual(["1:1 : the file is empty"]);
  });

  it("takes ten megabytes and not a byte more", () => {
    const text = "tenants: {}\n#";
    expect(told(text + "x".repeat(maxFileBytes - text.length))).toEqual([]);
    expect(told(text + "x".repeat(maxFileBytes - text.length + 1))).toEqual(["1:1 : the file is too large"]);
    expect(folder.faults()[0]?.found).toBe(`${maxFileBytes + 1} bytes`);
  });

  it("names line, column and offset of the first byte that is not UTF-8, and goes on", () => {
    const text = Buffer.from(`tenants:\n  a: { displayName: "\ufffd\u00fc`);
    const bytes = Buffer.concat([text, Buffer.from([0xe9]), Buffer.from('" }\n  # '), Buffer.from([0xff, 0x0a])]);
    expect(told(bytes)).toEqual([
      '2:3 tenants.a.externalId: the key "externalId" is missing',
      '2:3 tenants.a.owner: the key "owner" is missing',
      '2:3 tenants.a.profile: the key "profile" is missing',
      "2:24 : the file is not UTF-8",
    ]);
    expect(folder.faults().at(-1)?.found).toBe(`byte 0xe9 at offset ${text.length}, and 1 more line like it`);
  });

  it("tells of UTF-16 and of control characters", () => {
    expect(told(Buffer.from("\ufefftenants: {}\n", "utf16le"))).toEqual(["1:1 : the file is not UTF-8"]);
    expect(told(Buffer.from("tenants: {}\n", "utf16le"))).toEqual(["1:1 : the file is not UTF-8"]);
    expect(told("tenants: {}\n# \u0007\u0000\n")).toEqual(["2:3 : the file holds a control character"]);
    expect(folder.faults()[0]?.found).toBe("U+0007, and 1 more");
  });
});

describe("YAML", () => {
  it("tells a key that stands twice with both places, and what is wrong behind it", () => {
    expect(
      told(`${head}tenants:\n${record("a")}${record("a", "    tier: shard\n")}maxDeletes: 1\nmaxDeletes: 2\n`),
    ).toEqual([
      '14:3 tenants.a: the key "a" stands here a second time',
      '19:11 tenants.a.tier: this value of "tier" is not allowed',
      '21:1 maxDeletes: the key "maxDeletes" stands here a second time',
    ]);
    expect(folder.faults()[0]?.found).toBe("line 14, column 3, and first at line 9, column 3");
  });

  it("sees that 1 and '1' are the same key, and that 01 and 1 are not", () => {
    expect(told(`${head}tenants:\n${record("1")}${record("01")}`)).toEqual([]);
    expect(
      told(`${head}tenants:\n${record("1")}${record('"1"').replaceAll('""1""', '"1"').replace('org_"1"', "org_2")}`),
    ).toEqual(['14:3 tenants.1: the key "1" stands here a second time']);
  });

  it("refuses tags, merge keys, other versions and further documents", () => {
    expect(told("tenants: !!map {}\n")).toEqual(["1:16 tenants: the value carries a YAML tag"]);
    expect(told("tenants: !x {}\n")).toEqual(["1:13 tenants: the value carries a YAML tag"]);
    expect(told("maxDeletes: !!int 5\ntenants: {}\n")).toEqual(["1:19 maxDeletes: the value carries a YAML tag"]);
    expect(told("tenants:\n  <<: { a: 1 }\n")).toEqual(["2:3 tenants: merge keys are not supported"]);
    expect(told("%YAML 1.1\n---\ntenants: {}\n")).toEqual(["1:1 : the file asks for another version of YAML"]);
    expect(told("tenants: {}\n---\ntenants: {}\n")).toEqual(["3:1 : the file holds several YAML documents"]);
  });

  it("refuses keys that are no text", () => {
    expect(told("tenants: {}\n? [a]\n: b\n")).toEqual(["2:3 : a key is no plain text"]);
    expect(told("tenants: {}\n: b\n")).toEqual(["2:1 : a key is no plain text"]);
    expect(told("tenants: {}\n!!int 4: b\n")).toEqual(["2:7 : a key is no plain text"]);
  });

  it.each([
    ["a quote that is not closed", 'tenants:\n  a: "x\n', "3:1 : this is not correct YAML"],
    ["a tab as indent", "tenants:\n\ta: {}\n", "2:1 : this is not correct YAML"],
    ["a bracket that is not closed", "maxDeletes: [1\ntenants: {}\n", "2:1 : this is not correct YAML"],
    ["two colons in a line", "tenants: a: b\n", "1:10 : this is not correct YAML"],
  ])("tells the place of %s", (_name, text, expected) => {
    expect(told(text).some((fault) => fault.startsWith(expected))).toBe(true);
  });

  it("tells what else is wrong around a syntax error, and nothing as missing", () => {
    const text = `maxDeletes: x\n${head}tenants:\n  a:\n    tier: shard\n   owner: t\n  b: { tier: shard }\n`;
    expect(told(text)).toEqual([
      '1:13 maxDeletes: "maxDeletes" must be a whole number',
      '11:11 tenants.a.tier: this value of "tier" is not allowed',
      "12:1 : this is not correct YAML: All mapping items must start at the same column",
      '12:11 tenants.owner: "owner" is of the wrong kind',
      '13:14 tenants.b.tier: this value of "tier" is not allowed',
    ]);
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])("treats the key %s like any other", (key) => {
    const unknown = `unknown key "${key}"`;
    expect(told(`${key}: { tier: x }\ntenants: {}\n`)).toEqual([`1:1 ${key}: ${unknown}`]);
    const inRecord = told(`${head}tenants:\n${record("a", `    ${key}: 1\n    labels: { ${key}: 5 }\n`)}`);
    expect(inRecord[0]).toBe(`14:5 tenants.a.${key}: ${unknown}`);
    expect(inRecord.some((fault) => fault.includes(`labels.${key}: "${key}" must be a text`))).toBe(true);
    expect(told(`${head}tenants:\n${record("a").replace("kg", key)}`)).toEqual([
      key === "constructor"
        ? '13:14 tenants.a.profile: there is no profile "constructor"'
        : '13:14 tenants.a.profile: this value of "profile" is not allowed',
    ]);
    expect(({} as Record<string, unknown>).tier).toBeUndefined();
  });
});

describe("aliases", () => {
  it("refuses one that leads nowhere, into itself, or to a later anchor", () => {
    expect(told("tenants: *nope\n")).toEqual(["1:10 tenants: this is an alias of an anchor that does not exist"]);
    expect(told("tenants: &t { a: *t }\n")).toEqual([
      "1:18 tenants.a: this is an alias of a value that it is itself a part of",
    ]);
    expect(told("maxDeletes: *m\ntenants: {}\nx: &m 1\n")).toEqual([
      "1:13 maxDeletes: this is an alias of an anchor that does not exist",
      '3:1 x: unknown key "x"',
    ]);
  });

  it("stops a file whose aliases stand for billions of values", () => {
    const levels = Array.from({ length: 30 }, (_, level) => {
      const before = level === 0 ? '"x"' : `*a${level - 1}`;
      return `x${level}: &a${level} [${Array.from({ length: 10 }, () => before).join(", ")}]`;
    });
    const faults = told(`${levels.join("\n")}\ntenants: {}\n`);
    const tooMany = faults.filter((fault) => fault.includes("the file's aliases stand for too many values"));
    expect(tooMany).toHaveLength(1);
    expect(faults).toHaveLength(31);
  });

  it("stops a tenant that repeats a faulty value without end, and tells the fault once", () => {
    const list = Array.from({ length: 50_000 }, () => "*l").join(", ");
    const faults = told(`x: &l [1, 2, 3]\ntenants: { a: { stores: [${list}] } }\n`);
    expect(faults.filter((fault) => fault.includes("too many values"))).toHaveLength(1);
    expect(faults.filter((fault) => fault.includes('"stores" is of the wrong kind'))).toHaveLength(1);
    expect(faults.length).toBeLessThan(12);
  });

  it("takes a thousand tenants that share their labels", () => {
    const ids = Array.from({ length: 1000 }, (_, index) => `t${index}`);
    const records = ids.map((id, index) => record(id, `    labels: ${index === 0 ? "&l { a: b, c: d }" : "*l"}\n`));
    expect(told(`${head}tenants:\n${records.join("")}`)).toEqual([]);
  });
});

describe("depth", () => {
  it.each([
    ["brackets", "[".repeat(100_000)],
    ["dashes", "- ".repeat(20_000)],
    ["braces", "{".repeat(20_000)],
    ["closed brackets", `x: ${"[".repeat(150)}${"]".repeat(150)}\ntenants: {}\n`],
  ])("ends at too many %s with one fault about it", (_name, text) => {
    const faults = told(text);
    expect(faults.filter((fault) => fault.includes("nested too deeply"))).toHaveLength(1);
    expect(faults.length).toBeLessThan(4);
  });
});
