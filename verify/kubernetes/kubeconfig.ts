/** How a kubeconfig says that an API server is reached: by token or client certificate. */
import { readFileSync } from "node:fs";
import { delimiter, dirname, resolve } from "node:path";
import { homedir } from "node:os";
import { parse } from "yaml";
import { z } from "zod";

export interface Access {
  /** https, without a slash at its end. */
  readonly server: string;
  /** PEM; left out: the authorities that Node.js knows. */
  readonly ca?: string;
  readonly serverName?: string;
  /** As the kubeconfig says: the server's certificate is not verified. */
  readonly insecure: boolean;
  readonly token?: string;
  readonly certificate?: { readonly cert: string; readonly key: string };
}

/** A kubeconfig that cannot be used: what is wrong, never what a credential is. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
}

const text = z.string().min(1);
const named = <S extends z.ZodType>(key: string, schema: S) => z.array(z.looseObject({ name: text, [key]: schema }));
const clusterSchema = z.looseObject({
  server: text,
  "certificate-authority": text.optional(),
  "certificate-authority-data": text.optional(),
  "insecure-skip-tls-verify": z.boolean().optional(),
  "tls-server-name": text.optional(),
});
const userSchema = z.looseObject({
  token: text.optional(),
  tokenFile: text.optional(),
  "client-certificate": text.optional(),
  "client-certificate-data": text.optional(),
  "client-key": text.optional(),
  "client-key-data": text.optional(),
});
const contextSchema = z.looseObject({ cluster: text, user: text });
const schema = z.looseObject({
  "current-context": z.string().optional(),
  clusters: named("cluster", clusterSchema),
  users: named("user", userSchema),
  contexts: named("context", contextSchema),
});

/**
 * @param kubeconfig - text or path, as the platform's configuration has it; left out: the one file that KUBECONFIG
 *   names, or `~/.kube/config`
 * @throws KubeconfigError
 */
export function accessOf(kubeconfig: string | undefined, context: string | undefined): Access {
  const source = kubeconfig ?? defaultPath();
  const inline = source.includes("\n") || source.trimStart().startsWith("{");
  const folder = inline ? process.cwd() : dirname(resolve(source));
  const parsed = schema.safeParse(yaml(inline ? source : read(source, "kubeconfig"), inline ? "kubeconfig" : source));
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    throw new KubeconfigError(`the kubeconfig is none: ${faults.join("; ")}`);
  }
  const config = parsed.data;
  const wanted = context ?? config["current-context"] ?? "";
  const { cluster: clusterName, user: userName } = contextSchema.parse(find("context", config.contexts, wanted));
  const cluster = clusterSchema.parse(find("cluster", config.clusters, clusterName));
  const user = userSchema.parse(find("user", config.users, userName));
  if (!cluster.server.startsWith("https://")) {
    throw new KubeconfigError(`cluster "${clusterName}": server ${cluster.server} is no https address`);
  }
  const data = (from: Readonly<Record<string, unknown>>, key: string): string | undefined => {
    const encoded = from[`${key}-data`];
    if (typeof encoded === "string") return Buffer.from(encoded, "base64").toString("utf8");
    const path = from[key];
    return typeof path === "string" ? read(resolve(folder, path), key) : undefined;
  };
  const token = user.token ?? (user.tokenFile === undefined ? undefined : tokenIn(resolve(folder, user.tokenFile)));
  const cert = data(user, "client-certificate");
  const key = data(user, "client-key");
  const certificate = cert === undefined || key === undefined ? undefined : { cert, key };
  if (token === undefined && certificate === undefined) {
    throw new KubeconfigError(
      `user "${userName}" of the kubeconfig has neither a token nor a client certificate; programs that fetch ` +
        "credentials (exec) are not run here: give a kubeconfig with a token, " +
        "as in `kubectl create token <account> --duration=1h`",
    );
  }
  return {
    server: cluster.server.replace(/\/+$/, ""),
    ca: data(cluster, "certificate-authority"),
    serverName: cluster["tls-server-name"],
    insecure: cluster["insecure-skip-tls-verify"] === true,
    token,
    certificate,
  };
}

function defaultPath(): string {
  const paths = (process.env.KUBECONFIG ?? "").split(delimiter).filter((path) => path !== "");
  if (paths.length > 1) {
    throw new KubeconfigError(`KUBECONFIG names ${paths.length} files; name the one of this cluster`);
  }
  return paths[0] ?? resolve(homedir(), ".kube", "config");
}

function find(kind: string, list: readonly Readonly<Record<string, unknown>>[], name: string): unknown {
  const found = list.find((one) => one.name === name);
  if (found !== undefined) return found[kind];
  const known = list.map((one) => String(one.name)).join(", ");
  throw new KubeconfigError(`${kind} ${JSON.stringify(name)} is not in the kubeconfig; it has ${known || "none"}`);
}

function tokenIn(path: string): string {
  return read(path, "tokenFile").trim();
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    throw new KubeconfigError(`${what}: ${path} cannot be read`);
  }
}

/** The parser's message quotes the line, which may be a credential. */
function yaml(content: string, source: string): unknown {
  try {
    return parse(content);
  } catch {
    throw new KubeconfigError(`${source} is no YAML`);
  }
}
