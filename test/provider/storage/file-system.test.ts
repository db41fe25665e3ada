import { chmod, lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { prefixHandler } from "../../../provider/storage/prefix.ts";
import { closeAll, fileServer, newContext, newHandler, newTenant, outcome, platform, waiver } from "./support.ts";

const handler = newHandler();
const { root } = fileServer();
afterAll(closeAll);

async function created() {
  const inputs = newTenant({ server: "files" });
  const { context, warnings } = newContext(inputs.tenant);
  const { id, outputs } = await handler.create(context, inputs);
  return { inputs, context, warnings, id, outputs, folder: join(root, inputs.prefix) };
}

const modeOf = async (path: string) => (await lstat(path)).mode & 0o777;

describe("a tenant's folder", () => {
  it("begins owner-only with its folders, an owner-only mark and no key", async () => {
    const { inputs, context, id, outputs, folder } = await created();
    for (const path of [root, folder, join(folder, "uploads"), join(folder, "processed"), join(folder, "exports")]) {
      expect(await modeOf(path), path).toBe(0o700);
    }
    const mark = join(root, ".tenancy", "tenants", `${inputs.tenant}.json`);
    expect(await modeOf(mark)).toBe(0o600);
    expect(JSON.parse(await readFile(mark, "utf8"))).toEqual({
      urn: context.urn,
      tenant: inputs.tenant,
      token: outputs.instanceToken,
    });
    expect([outputs.accessKeyId, outputs.secretAccessKey]).toEqual(["", ""]);
    expect(await handler.read(context, id, inputs, outputs)).toEqual({ inputs, outputs });
  });

  it("is closed to everyone while suspended, and keeps its files", async () => {
    const { inputs, context, id, outputs, folder } = await created();
    await writeFile(join(folder, "uploads", "a"), "kept");
    const closed = { ...inputs, state: "suspended" as const };
    const suspended = await handler.update(context, id, outputs, closed);
    expect(await modeOf(folder)).toBe(0);
    expect((await handler.read(context, id, closed, suspended))?.inputs).toEqual(closed);
    await handler.update(context, id, suspended, inputs);
    expect(await modeOf(folder)).toBe(0o700);
    expect(await readFile(join(folder, "uploads", "a"), "utf8")).toBe("kept");
  });

  it("ends with nothing of it left and links not followed, and ends so again", async () => {
    const { inputs, context, warnings, id, outputs, folder } = await created();
    const neighbour = join(root, `tenants/${inputs.tenant}2`);
    await mkdir(neighbour);
    await writeFile(join(neighbour, "kept"), "theirs");
    await symlink(neighbour, join(folder, "uploads", "link"));
    const gone = await handler.update(context, id, outputs, { ...inputs, state: "offboarding", backupWaiver: waiver });
    await handler.delete(context, id, gone);
    await handler.delete(context, id, gone);
    expect(await readFile(join(neighbour, "kept"), "utf8")).toBe("theirs");
    expect(await readdir(join(root, "tenants"))).not.toContain(inputs.tenant);
    expect(await readdir(join(root, ".tenancy", "tenants"))).not.toContain(`${inputs.tenant}.json`);
    expect(warnings).toEqual([]);
    expect(await handler.read(context, id, inputs, gone)).toBeUndefined();
    await rm(neighbour, { recursive: true });
  });

  it("is taken over empty, refused with files, and left alone by another instance's state", async () => {
    const { inputs, context, warnings, id, outputs, folder } = await created();
    await handler.create(context, inputs);
    await writeFile(join(folder, "exports", "a"), "x");
    await expect(handler.create(context, inputs)).rejects.toThrow(`holds data (${join(folder, "exports", "a")})`);
    await handler.delete(context, id, { ...outputs, state: "offboarding", backupWaiver: waiver });
    expect(warnings).toEqual([expect.stringContaining("is left alone")]);
    expect(await readFile(join(folder, "exports", "a"), "utf8")).toBe("x");
  });

  it("shows a changed mode and a lost folder as drift and mends both", async () => {
    const { inputs, context, id, outputs, folder } = await created();
    await chmod(folder, 0o755);
    await rm(join(folder, "exports"), { recursive: true });
    expect((await handler.read(context, id, inputs, outputs))?.inputs.drift).toEqual([
      `folder ${folder.slice(0, -1)} has mode 0755`,
      `folder ${join(folder, "exports")} is missing`,
    ]);
    await handler.update(context, id, outputs, inputs);
    expect((await handler.read(context, id, inputs, outputs))?.inputs).toEqual(inputs);
  });

  it("is refused where a link leads elsewhere", async () => {
    const inputs = newTenant({ server: "files" });
    const elsewhere = join(root, `elsewhere-${inputs.tenant}`);
    await mkdir(elsewhere, { recursive: true });
    await mkdir(join(root, "tenants"), { recursive: true, mode: 0o700 });
    await symlink(elsewhere, join(root, "tenants", inputs.tenant));
    await expect(handler.create(newContext(inputs.tenant).context, inputs)).rejects.toThrow("is a symbolic link");
    expect(await readdir(elsewhere)).toEqual([]);
    await rm(join(root, "tenants", inputs.tenant));
    await symlink(elsewhere, `${elsewhere}-link`);
    const linked = prefixHandler({
      platform: { ...platform, storage: { files: { kind: "filesystem", root: `${elsewhere}-link` } } },
    });
    await expect(linked.create(newContext(inputs.tenant).context, inputs)).rejects.toThrow(
      "Set `root` to the real path",
    );
    expect(await outcome(lstat(join(elsewhere, "tenants")))).toBe("Error");
  });
});
