/**
 * An API server over HTTPS that answers from a table, as Kubernetes' authorizer and admission do: the platform's token may
 * everything, an account's token nothing but what is broken on purpose. What is in no table is an unknown path.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { ensureCertificates } from "../../dev/services/certificates.ts";
import { paths } from "../../dev/services/state.ts";

const a = "/api/v1/namespaces/tenant-a";
const b = "/api/v1/namespaces/tenant-b";
const rbac = "/apis/rbac.authorization.k8s.io/v1";
const network = "/apis/networking.k8s.io/v1/namespaces";
const databases = "/apis/postgresql.cnpg.io/v1";
const dry = "?dryRun=All";

/** Attempt of an account, what it asks, and the status for whoever may. */
export const byAccount: readonly (readonly [id: string, asks: string, status: number])[] = [
  ["list-secrets", `GET ${b}/secrets`, 200],
  ["read-login", `GET ${b}/secrets/tenant-b-login-app`, 200],
  ["replace-password", `PATCH ${b}/secrets/tenant-b-login-app${dry}`, 200],
  ["create-pod", `POST ${b}/pods${dry}`, 201],
  ["exec", `POST ${b}/pods/tenancy-verify-none/exec?command=true&stdout=true`, 404],
  ["ephemeral-container", `PATCH ${b}/pods/tenancy-verify-none/ephemeralcontainers${dry}`, 404],
  ["port-forward", `POST ${b}/pods/tenancy-verify-none/portforward?ports=5432`, 404],
  ["pod-proxy", `GET ${b}/pods/tenancy-verify-none:8000/proxy/`, 404],
  ["service-proxy", `GET ${b}/services/tenancy-verify-none:5432/proxy/`, 404],
  ["read-log", `GET ${b}/pods/tenancy-verify-none/log`, 404],
  ["list-pods", `GET ${b}/pods`, 200],
  ["take-token", `POST ${b}/serviceaccounts/default/token${dry}`, 201],
  ["read-database", `GET ${databases}/namespaces/tenant-b/clusters`, 200],
  ["delete-database", `DELETE ${databases}/namespaces/tenant-b/clusters/tenant-b${dry}`, 200],
  ["delete-volume", `DELETE ${b}/persistentvolumeclaims/tenant-b-1${dry}`, 404],
  ["delete-namespace", `DELETE ${b}${dry}`, 409],
  ["open-network", `POST ${network}/tenant-b/networkpolicies${dry}`, 201],
  ["remove-network-policy", `DELETE ${network}/tenant-b/networkpolicies/default-deny${dry}`, 200],
  ["bind-role", `POST ${rbac}/namespaces/tenant-b/rolebindings${dry}`, 201],
  ["claim-tenant-label", `PATCH ${a}${dry}`, 200],
  ["drop-pod-security", `PATCH ${a}${dry}`, 200],
  ["remove-quota", `DELETE ${a}/resourcequotas/tenant${dry}`, 200],
  ["remove-own-network-policy", `DELETE ${network}/tenant-a/networkpolicies/default-deny${dry}`, 200],
  ["open-own-network", `POST ${network}/tenant-a/networkpolicies${dry}`, 201],
  ["create-own-pod", `POST ${a}/pods${dry}`, 201],
  ["bind-own-role", `POST ${rbac}/namespaces/tenant-a/rolebindings${dry}`, 201],
  ["bind-cluster-role", `POST ${rbac}/clusterrolebindings${dry}`, 201],
  ["impersonate", "impersonate system:serviceaccount:tenant-b:default", 201],
  ["list-namespaces", "GET /api/v1/namespaces", 200],
  ["list-all-secrets", "GET /api/v1/secrets?limit=1", 200],
  ["list-all-databases", `GET ${databases}/clusters?limit=1`, 200],
  ["read-nodes", "GET /api/v1/nodes?limit=1", 200],
  ["node-proxy", "GET /api/v1/nodes/tenancy-verify-none/proxy/pods", 404],
  ["read-volumes", "GET /api/v1/persistentvolumes?limit=1", 200],
  ["create-webhook", `POST /apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations${dry}`, 201],
  ["approve-certificate", "may update certificates.k8s.io certificatesigningrequests approval", 201],
  ["every-right", "may * * * ", 201],
];

/** Attempts of whoever may make pods, and how the request shows. */
export const byDeployer: Readonly<Record<string, RegExp>> = {
  "privileged-pod": /"privileged":true/,
  "host-path-pod": /"hostPath":/,
  "host-network-pod": /"hostNetwork":true/,
  "host-process-pod": /"hostPID":true/,
  "root-pod": /"runAsUser":0[,}]/,
  "exceed-quota": /"cpu":"1000"/,
  "open-node-port": /"type":"NodePort"/,
  "mounted-token": /^(?!.*automountServiceAccountToken)/,
};

export interface Broken {
  /** What accounts may ask, as the table has it. */
  readonly allowed?: readonly string[];
  /** Ids of `byDeployer` that admission lets through. */
  readonly admitted?: readonly string[];
  /** What the platform's credentials may not. */
  readonly refused?: readonly string[];
  /** Answers to accounts instead of the table's: what is asked, to a status and a message. */
  readonly instead?: Readonly<Record<string, readonly [number, string]>>;
  /** Label `tenant` of tenant-b. */
  readonly otherTenant?: string;
  readonly withoutDatabases?: boolean;
  /** With what pg_isready ends in the pods of a namespace; left out: not at all. */
  readonly exitCodes?: Readonly<Record<string, number>>;
  /** Whom the tokens of accounts are of. */
  readonly tokensOf?: string;
}

export interface FakeApiServer {
  readonly port: number;
  readonly ca: string;
  broken: Broken;
  /** What accounts and the platform asked, in order. */
  readonly asked: string[];
  close(): Promise<void>;
}

export const adminToken = "planted-admin-token";
export const accountToken = "planted-account-token";
const account = "system:serviceaccount:tenant-a:default";

const bodySchema = z.looseObject({
  kind: z.string().optional(),
  spec: z.looseObject({ resourceAttributes: z.record(z.string(), z.string()).optional() }).optional(),
});

type Reply = readonly [status: number, body: unknown];
const status = (code: number, message: string, name?: string): Reply => [
  code,
  { kind: "Status", status: "Failure", code, reason: reasonOf[code] ?? "", message, details: { name } },
];
const reasonOf: Readonly<Record<number, string>> = {
  403: "Forbidden",
  404: "NotFound",
  409: "Conflict",
  422: "Invalid",
};

export async function fakeApiServer(): Promise<FakeApiServer> {
  const folder = mkdtempSync(join(tmpdir(), "tenancy-api-"));
  await ensureCertificates(folder);
  const { serverCertificate, serverKey, caCertificate } = paths(folder);
  const [cert, key, ca] = [serverCertificate, serverKey, caCertificate].map((path) => readFileSync(path, "utf8"));
  rmSync(folder, { recursive: true, force: true });
  const server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const [code, body] = answer(fake, request, Buffer.concat(chunks).toString("utf8"));
      response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const fake: FakeApiServer = {
    port: (server.address() as AddressInfo).port,
    ca: ca ?? "",
    broken: {},
    asked: [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
  return fake;
}

function answer({ broken, asked }: FakeApiServer, request: IncomingMessage, text: string): Reply {
  const isAdmin = request.headers.authorization === `Bearer ${adminToken}`;
  if (!isAdmin && request.headers.authorization !== `Bearer ${accountToken}`) return status(401, "Unauthorized");
  const body = bodySchema.parse(text === "" ? {} : JSON.parse(text));
  const asks = whatIsAsked(request, body);
  asked.push(`${isAdmin ? "admin" : "account"}: ${asks}`);
  const instead = broken.instead?.[asks];
  if (!isAdmin && instead !== undefined) return status(...instead);
  const own = isAdmin ? platformOnly(asks, broken) : undefined;
  if (own !== undefined) return own;
  if (asks === "who am I") {
    return [201, { status: { userInfo: { username: isAdmin ? "admin" : (broken.tokensOf ?? account) } } }];
  }
  const line = byAccount.find(([, known]) => known === asks);
  const known = line !== undefined || asks === `POST ${a}/services${dry}`;
  if (!known) return status(404, "the server could not find the requested resource");
  const may = isAdmin ? broken.refused?.includes(asks) !== true : broken.allowed?.includes(asks) === true;
  if (asks.startsWith("may ")) return [201, { status: { allowed: may } }];
  if (!may)
    return status(403, `x is forbidden: User "${isAdmin ? "admin" : account}" cannot do resource "x" in API group ""`);
  if (asks.includes("/tenant-a/pods") || asks.includes("/tenant-a/services")) return admitted(broken, text);
  const [, , code] = line ?? ["", "", 201];
  return code < 300 ? [code, { items: [] }] : status(code, `"x" not found`, "x");
}

function whatIsAsked(request: IncomingMessage, { kind, spec }: z.infer<typeof bodySchema>): string {
  const impersonated = request.headers["impersonate-user"];
  if (typeof impersonated === "string") return `impersonate ${impersonated}`;
  if (kind === "SelfSubjectReview") return "who am I";
  if (kind === "SelfSubjectAccessReview") {
    const { verb, group, resource, subresource } = spec?.resourceAttributes ?? {};
    return `may ${verb ?? ""} ${group ?? ""} ${resource ?? ""} ${subresource ?? ""}`;
  }
  return `${request.method ?? ""} ${request.url ?? ""}`;
}

/** What a run asks before its attempts. */
function platformOnly(asks: string, { otherTenant, withoutDatabases, exitCodes = {} }: Broken): Reply | undefined {
  const labels = (tenant: string) => ({ metadata: { labels: { tenant, "app.kubernetes.io/managed-by": "tenancy" } } });
  const probe =
    /^(POST|GET|DELETE) \/api\/v1\/namespaces\/([\w-]+)\/pods(\/tenancy-verify-[0-9a-f]{8}(\?grace.*)?)?$/.exec(asks);
  if (probe?.[2] !== undefined && asks !== `GET ${b}/pods`) {
    const exitCode = exitCodes[probe[2]];
    const state = exitCode === undefined ? { waiting: { reason: "ImagePullBackOff" } } : { terminated: { exitCode } };
    return [probe[1] === "POST" ? 201 : 200, { status: { containerStatuses: [{ state }] } }];
  }
  switch (asks) {
    case `GET ${databases}`:
      return withoutDatabases === true ? status(404, "the server could not find the requested resource") : [200, {}];
    case `GET ${a}`:
      return [200, labels("a")];
    case `GET ${b}`:
      return [200, labels(otherTenant ?? "b")];
    case `GET ${a}/serviceaccounts`:
      return [200, { items: [{ metadata: { name: "default" } }] }];
    case `POST ${a}/serviceaccounts/default/token`:
      return [201, { status: { token: accountToken } }];
    default:
      return undefined;
  }
}

function admitted({ admitted = [] }: Broken, text: string): Reply {
  const bad = Object.entries(byDeployer).find(([id, shows]) => id !== "mounted-token" && shows.test(text))?.[0];
  if (bad !== undefined && !admitted.includes(bad)) {
    const quota = bad === "exceed-quota" || bad === "open-node-port";
    return status(403, quota ? "exceeded quota: tenant, requested: x" : 'violates PodSecurity "restricted:latest": x');
  }
  const mounts = admitted.includes("mounted-token") || text.includes('"automountServiceAccountToken":true');
  const volumes = mounts ? [{ projected: { sources: [{ serviceAccountToken: {} }] } }] : undefined;
  return [201, { kind: "Pod", spec: { volumes } }];
}
