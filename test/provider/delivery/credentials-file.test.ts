import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { credentialsFileHandler } from "../../../provider/delivery/credentials-file.ts";
import { type CallContext, unknownValue } from "../../../provider/handler.ts";

const handler = credentialsFileHandler();
const urn = "urn:pulumi:dev::tenancy::tenancy:delivery:CredentialsFile::acme-credentials";

let root: string;
let warnings: string[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "credentials-"));
  warnings = [];
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function context(more: Partial<CallContext> = {}): CallContext {
  return {
    urn,
    adopt: new Set(),
    warn: (message) => warnings.push(message),
    status: () => undefined,
    signal: new AbortController().signal,
    ...more,
  };
}

const inputs = (password = "planted-1") => ({
  tenant: "acme",
  folder: join(root, "secrets"),
  credentials: JSON.stringify({ postgres: { user: "tenant_acme_app", password } }),
});
const path = () => join(root, "secrets", "acme.json");

describe("tenancy:delivery:CredentialsFile", () => {
  it("writes what the application needs into a file that only its owner can read, in a folder likewise", async () => {
    const { id, outputs } = await handler.create(context(), inputs());
    expect(id).toBe(path());
    expect(outputs.path).toBe(path());
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(statSync(join(root, "secrets")).mode & 0o777).toBe(0o700);
    expect(JSON.parse(readFileSync(path(), "utf8"))).toEqual({
      writtenBy: { urn, tenant: "acme", token: outputs.instanceToken },
      postgres: { user: "tenant_acme_app", password: "planted-1" },
    });
    expect(readdirSync(join(root, "secrets"))).toEqual(["acme.json"]);
  });

  it("replaces the content in an update and takes the file away in a deletion, which can be run again", async () => {
    const { outputs } = await handler.create(context(), inputs());
    const next = await handler.update(context(), path(), outputs, inputs("planted-2"));
    expect(readFileSync(path(), "utf8")).toContain("planted-2");
    await handler.delete(context(), path(), next);
    await handler.delete(context(), path(), next);
    expect(existsSync(path())).toBe(false);
    expect(warnings).toEqual([]);
  });

  it("takes over what a crashed run of the same resource left, and nobody else's file", async () => {
    await handler.create(context(), inputs());
    const { outputs } = await handler.create(context(), inputs("planted-2"));
    expect(readFileSync(path(), "utf8")).toContain(outputs.instanceToken);
    await expect(handler.create(context({ urn: `${urn}-other` }), inputs())).rejects.toThrow(
      `tenant acme: the file ${path()} belongs to the resource ${urn}`,
    );
    writeFileSync(path(), "somebody's notes");
    await expect(handler.create(context(), inputs())).rejects.toThrow("carries no mark of this tool");
    expect(readFileSync(path(), "utf8")).toBe("somebody's notes");
    await handler.create(context({ adopt: new Set(["acme"]) }), inputs());
    expect(readFileSync(path(), "utf8")).toContain("planted-1");
  });

  it("leaves the file of another instance alone", async () => {
    const { outputs } = await handler.create(context(), inputs());
    await handler.delete(context(), path(), { ...outputs, instanceToken: "another" });
    expect(existsSync(path())).toBe(true);
    expect(warnings).toEqual([`tenant acme: the file ${path()} is left alone: it is not the one of this state.`]);
    await expect(handler.update(context(), path(), { ...outputs, instanceToken: "another" }, inputs())).rejects.toThrow(
      "is marked as another instance's",
    );
  });

  it("tells a changed mode and a changed content, and mends both in an update", async () => {
    const { outputs } = await handler.create(context(), inputs());
    expect((await handler.read(context(), path(), inputs(), outputs))?.inputs).toEqual(inputs());
    chmodSync(path(), 0o644);
    writeFileSync(path(), readFileSync(path(), "utf8").replace("planted-1", "forged"));
    const live = await handler.read(context(), path(), inputs(), outputs);
    expect(live?.inputs.drift).toEqual([
      `the file ${path()} has the mode 0644 instead of 0600`,
      `the file ${path()} does not hold the tenant's credentials`,
    ]);
    await handler.update(context(), path(), outputs, inputs());
    expect((await handler.read(context(), path(), inputs(), outputs))?.inputs.drift).toBeUndefined();
    rmSync(path());
    expect(await handler.read(context(), path(), inputs(), outputs)).toBeUndefined();
  });

  it("refuses a link or folder in the file's place, and never shows what it was to write", async () => {
    mkdirSync(path(), { recursive: true });
    await expect(handler.create(context(), inputs())).rejects.toThrow("is no regular file. Remove what stands there.");
    rmSync(join(root, "secrets"), { recursive: true });
    writeFileSync(join(root, "secrets"), "a file where the folder should be");
    const failure = await handler.create(context(), inputs()).catch(String);
    expect(failure).toContain(`tenant acme: the file ${path()} could not be read: ENOTDIR`);
    expect(failure).not.toContain("planted");
  });

  it("refuses bad inputs at preview, all at once, and takes unknown ones", async () => {
    const bad = { tenant: "../etc", folder: "secrets", credentials: "planted" };
    const failures = await handler.check(context(), undefined, bad);
    expect(failures.map(({ property }) => property)).toEqual(["tenant", "folder", "credentials"]);
    expect(JSON.stringify(failures)).not.toContain("planted");
    const unknown = { ...inputs(), credentials: unknownValue };
    expect(await handler.check(context(), undefined, unknown)).toEqual([]);
  });
});
