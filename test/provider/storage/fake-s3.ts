/**
 * An S3 server in memory that behaves like compatible services in what differs from Amazon's: no IAM API, checksums
 * refused, deletion one by one, versions numbered by generation and without delete markers, or none at all.
 */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface FakeOptions {
  /** What several keys in one request give. @default 501, NotImplemented */
  readonly batch?: { readonly status: number; readonly code: string } | "works";
  /** `none`: asking for versions gives 501. @default generations */
  readonly versions?: "generations" | "unnumbered" | "none";
  /** Asking for open uploads gives 501. */
  readonly withoutUploads?: boolean;
  /** What each access key may list and use; a key that is not here is refused. */
  readonly keys: Record<string, readonly string[]>;
}

interface Version {
  readonly key: string;
  readonly generation: number;
  readonly body: string;
  live: boolean;
}

export interface FakeS3 {
  readonly endpoint: string;
  readonly bucket: string;
  /** Method, path and query of each request that was answered, and the headers that tests look at. */
  readonly requests: { readonly line: string; readonly headers: IncomingMessage["headers"] }[];
  /** Live keys, sorted. */
  keys(): string[];
  /** All versions that are still there. */
  versionCount(): number;
  put(key: string, body: string): void;
  /** What the key may list and use from now on; nothing where it is left out. */
  limit(accessKeyId: string, begins?: readonly string[]): void;
  close(): Promise<void>;
}

export async function fakeS3(options: FakeOptions): Promise<FakeS3> {
  const bucket = "shared";
  const requests: FakeS3["requests"] = [];
  const limits = new Map(Object.entries(options.keys));
  let versions: Version[] = [];
  let generation = 1_700_000_000_000_000;
  const { versions: mode = "generations", batch = { status: 501, code: "NotImplemented" } } = options;

  function put(key: string, body: string): void {
    for (const version of versions) if (version.key === key) version.live = false;
    if (mode === "none") versions = versions.filter((version) => version.key !== key);
    versions.push({ key, body, generation: ++generation, live: true });
  }

  function remove(key: string, versionId: string | null): void {
    if (versionId !== null) {
      versions = versions.filter((version) => version.key !== key || String(version.generation) !== versionId);
    } else if (mode === "none") {
      versions = versions.filter((version) => version.key !== key);
    } else {
      for (const version of versions) if (version.key === key) version.live = false;
    }
  }

  function answer(request: IncomingMessage, body: string): { status: number; text: string } {
    const url = new URL(request.url ?? "/", "http://fake");
    const { searchParams: query } = url;
    const [, at, ...rest] = url.pathname.split("/");
    const key = decodeURIComponent(rest.join("/"));
    const fault = (status: number, code: string) => ({ status, text: `<Error><Code>${code}</Code></Error>` });
    const accessKey = /Credential=([^/]+)\//.exec(request.headers.authorization ?? "")?.[1] ?? "";
    const allowed = limits.get(accessKey);
    if (allowed === undefined) return fault(403, "InvalidAccessKeyId");
    if (at !== bucket) return fault(404, "NoSuchBucket");
    const names = Object.keys(request.headers);
    const checksum = names.some(
      (name) => name.startsWith("x-amz-checksum-") || name === "x-amz-sdk-checksum-algorithm",
    );
    if (request.method === "POST" && query.has("delete")) {
      if (batch !== "works") return fault(batch.status, batch.code);
      for (const [, one = ""] of body.matchAll(/<Object>(.*?)<\/Object>/g)) {
        remove(tag(one, "Key") ?? "", tag(one, "VersionId") ?? null);
      }
      return { status: 200, text: "<DeleteResult></DeleteResult>" };
    }
    if (checksum || request.headers["content-encoding"] === "aws-chunked") return fault(400, "ExcessHeaderValues");
    const prefix = query.get("prefix") ?? "";
    const scope = key === "" ? prefix : key;
    if (!allowed.some((begin) => scope.startsWith(begin))) return fault(403, "AccessDenied");
    if (request.method === "PUT") {
      put(key, body);
      return { status: 200, text: "" };
    }
    if (request.method === "DELETE") {
      remove(key, query.get("versionId"));
      return { status: 204, text: "" };
    }
    if (key !== "") {
      const found = versions.find((version) => version.key === key && version.live);
      return found === undefined ? fault(404, "NoSuchKey") : { status: 200, text: found.body };
    }
    if (query.has("uploads")) {
      if (options.withoutUploads === true) return fault(501, "NotImplemented");
      return { status: 200, text: "<ListMultipartUploadsResult></ListMultipartUploadsResult>" };
    }
    const limit = Number(query.get("max-keys") ?? 1_000);
    if (query.has("versions")) {
      if (mode === "none") return fault(501, "NotImplemented");
      const all = versions.filter((version) => version.key.startsWith(prefix)).toSorted(byKey);
      const marker = query.get("key-marker");
      const from =
        marker === null
          ? 0
          : all.findIndex(
              (one) =>
                one.key > marker ||
                (one.key === marker && String(one.generation) > (query.get("version-id-marker") ?? "")),
            );
      const page = from < 0 ? [] : all.slice(from, from + limit);
      const last = page.at(-1);
      const truncated = from >= 0 && from + limit < all.length && last !== undefined;
      const items = page.map(
        ({ key: name, generation: id, live, body: text }) =>
          `<Version><Key>${name}</Key>${mode === "unnumbered" ? "" : `<VersionId>${id}</VersionId>`}<IsLatest>${String(live)}</IsLatest><Size>${text.length}</Size></Version>`,
      );
      const next = truncated
        ? `<NextKeyMarker>${last.key}</NextKeyMarker><NextVersionIdMarker>${last.generation}</NextVersionIdMarker>`
        : "";
      return {
        status: 200,
        text: `<ListVersionsResult><IsTruncated>${String(truncated)}</IsTruncated>${next}${items.join("")}</ListVersionsResult>`,
      };
    }
    return { status: 200, text: list(prefix, query.get("delimiter"), limit, query.get("continuation-token")) };
  }

  function list(prefix: string, delimiter: string | null, limit: number, token: string | null): string {
    const live = versions.filter((version) => version.live && version.key.startsWith(prefix)).toSorted(byKey);
    const common = new Set<string>();
    const direct = live.filter(({ key }) => {
      const end = delimiter === null ? -1 : key.indexOf(delimiter, prefix.length);
      if (end >= 0) common.add(key.slice(0, end + 1));
      return end < 0;
    });
    const rest = direct.filter(({ key }) => token === null || key > token);
    const page = rest.slice(0, limit);
    const truncated = rest.length > page.length;
    return [
      `<ListBucketResult><IsTruncated>${String(truncated)}</IsTruncated>`,
      truncated ? `<NextContinuationToken>${page.at(-1)?.key ?? ""}</NextContinuationToken>` : "",
      ...page.map(({ key, body }) => `<Contents><Key>${key}</Key><Size>${body.length}</Size></Contents>`),
      ...[...common].map((name) => `<CommonPrefixes><Prefix>${name}</Prefix></CommonPrefixes>`),
      "</ListBucketResult>",
    ].join("");
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      requests.push({ line: `${request.method ?? ""} ${request.url ?? ""}`, headers: request.headers });
      const { status, text } = answer(request, Buffer.concat(chunks).toString("utf8"));
      response.writeHead(status, { "content-type": "application/xml" });
      response.end(status === 204 ? undefined : text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bucket,
    requests,
    keys: () =>
      versions
        .filter(({ live }) => live)
        .map(({ key }) => key)
        .toSorted(),
    versionCount: () => versions.length,
    put,
    limit: (accessKeyId, begins) => {
      if (begins === undefined) limits.delete(accessKeyId);
      else limits.set(accessKeyId, begins);
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

function byKey(a: Version, b: Version): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : a.generation - b.generation;
}

function tag(text: string, name: string): string | undefined {
  return new RegExp(`<${name}>(.*?)</${name}>`).exec(text)?.[1];
}
