/** What of a kubeconfig is taken, and what is said of one that cannot be used. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { accessOf } from "../../verify/kubernetes/kubeconfig.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const config = `
apiVersion: v1
kind: Config
current-context: east
clusters:
  - { name: east, cluster: { server: "https://east:6443/", certificate-authority: ca.pem } }
  - { name: west, cluster: { server: "https://west", insecure-skip-tls-verify: true, tls-server-name: api } }
  - { name: plain, cluster: { server: "http://plain" } }
users:
  - { name: token, user: { token: planted-token } }
  - { name: file, user: { tokenFile: token } }
  - { name: cert, user: { client-certificate-data: ${base64("CERT")}, client-key-data: ${base64("planted-key")} } }
  - { name: exec, user: { exec: { command: aws } } }
contexts:
  - { name: east, context: { cluster: east, user: token } }
  - { name: west, context: { cluster: west, user: cert } }
  - { name: file, context: { cluster: east, user: file } }
  - { name: exec, context: { cluster: east, user: exec } }
  - { name: plain, context: { cluster: plain, user: token } }
`;

let folder = "";
let path = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tenancy-kubeconfig-"));
  path = join(folder, "config");
  writeFileSync(path, config);
  writeFileSync(join(folder, "ca.pem"), "CA");
  writeFileSync(join(folder, "token"), "from-a-file\n");
});
afterEach(() => {
  vi.unstubAllEnvs();
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe("a kubeconfig", () => {
  it("gives the current context's server, authority and token, with files beside it", () => {
    expect(accessOf(path, undefined)).toEqual({
      server: "https://east:6443",
      ca: "CA",
      insecure: false,
      token: "planted-token",
    });
    expect(accessOf(path, "file")).toMatchObject({ token: "from-a-file" });
  });

  it("gives another context's client certificate, also as a text", () => {
    expect(accessOf(config, "west")).toEqual({
      server: "https://west",
      serverName: "api",
      insecure: true,
      certificate: { cert: "CERT", key: "planted-key" },
    });
  });

  it("is the file that KUBECONFIG names where the platform's configuration has none", () => {
    vi.stubEnv("KUBECONFIG", path);
    expect(accessOf(undefined, undefined).server).toBe("https://east:6443");
    vi.stubEnv("KUBECONFIG", `${path}:${path}`);
    expect(() => accessOf(undefined, undefined)).toThrow("KUBECONFIG names 2 files");
  });

  it.each([
    ["exec", 'user "exec" of the kubeconfig has neither a token nor a client certificate'],
    ["plain", 'cluster "plain": server http://plain is no https address'],
    ["south", 'context "south" is not in the kubeconfig; it has east, west, file, exec, plain'],
  ])("with a context %s that cannot be used is refused with the reason", (context, message) => {
    expect(() => accessOf(path, context)).toThrow(message);
  });

  it("that is no YAML is refused without a word of its text", () => {
    expect(() => accessOf('a: "planted-token\nb: [', undefined)).toThrow(/^kubeconfig is no YAML$/);
    expect(() => accessOf(join(folder, "none"), undefined)).toThrow("cannot be read");
    expect(() => accessOf(join(folder, "token"), undefined)).toThrow("the kubeconfig is none");
  });
});
