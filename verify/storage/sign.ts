/** Requests of S3 and IAM as they go over the wire, signed by Signature Version 4 and open to tampering. */
import { createHash, createHmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import type { AccessKey } from "../../provider/storage/backend.ts";

/** A request before it is signed. */
export interface Call {
  readonly method: string;
  /** Percent-encoded, as it goes out: nothing is cleaned up, because tricks live there. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** @default "s3" */
  readonly service?: "s3" | "iam" | "sts";
}

/** A request as it is sent. */
export interface Wire {
  readonly origin: string;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SignOptions {
  readonly origin: string;
  readonly region: string;
  readonly key: AccessKey;
  /** @default now */
  readonly date?: Date;
}

type Hashing = ReturnType<typeof createHash> | ReturnType<typeof createHmac>;

/** The form of a hash that the signature library asks for. */
class Sha256 {
  readonly #secret: string | Uint8Array | undefined;
  #hash: Hashing;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#secret = secret === undefined || typeof secret === "string" ? secret : bytes(secret);
    this.#hash = this.#start();
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(typeof data === "string" ? data : bytes(data));
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(this.#hash.digest()));
  }

  reset(): void {
    this.#hash = this.#start();
  }

  #start(): Hashing {
    return this.#secret === undefined ? createHash("sha256") : createHmac("sha256", this.#secret);
  }
}

function bytes(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

/** Signed by its headers. */
export async function signed(call: Call, { origin, region, key, date }: SignOptions): Promise<Wire> {
  const request = prepare(call, origin);
  const done = await signer(call, region, key).sign(request, { signingDate: date ?? new Date() });
  return wire(origin, done.method, done.path, done.query ?? {}, done.headers, call.body);
}

/** Signed by its query, as a URL that can be given away. */
export async function presigned(call: Call, options: SignOptions, expiresIn: number): Promise<Wire> {
  const { origin, region, key, date } = options;
  // The body is not known when a URL is made.
  const request = prepare(
    { ...call, headers: { ...call.headers, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" } },
    origin,
  );
  const done = await signer(call, region, key).presign(request, { signingDate: date ?? new Date(), expiresIn });
  return wire(origin, done.method, done.path, done.query ?? {}, done.headers, call.body);
}

export function unsigned(call: Call, origin: string): Wire {
  return wire(
    origin,
    call.method,
    call.path,
    call.query ?? {},
    { ...call.headers, host: new URL(origin).host },
    call.body,
  );
}

/** Fields of a browser's upload by form, whose policy is signed and not the request itself. */
export function postForm(
  bucket: string,
  key: string,
  { region, key: { accessKeyId, secretAccessKey }, date }: SignOptions,
): Record<string, string> {
  const now = date ?? new Date();
  const time = now.toISOString().replace(/[-:]|\.\d{3}/g, "");
  const day = time.slice(0, 8);
  const credential = `${accessKeyId}/${day}/${region}/s3/aws4_request`;
  const fields = { key, "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": credential, "x-amz-date": time };
  const conditions = [{ bucket }, ...Object.entries(fields).map(([name, value]) => ({ [name]: value }))];
  const expiration = new Date(now.getTime() + 60_000).toISOString();
  const policy = Buffer.from(JSON.stringify({ expiration, conditions })).toString("base64");
  const hmac = (secret: string | Buffer, text: string) => createHmac("sha256", secret).update(text).digest();
  const signingKey = [day, region, "s3", "aws4_request"].reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  return { ...fields, policy, "x-amz-signature": hmac(signingKey, policy).toString("hex") };
}

function signer({ service = "s3" }: Call, region: string, credentials: AccessKey): SignatureV4 {
  return new SignatureV4({ service, region, credentials, sha256: Sha256, uriEscapePath: false, applyChecksum: true });
}

function prepare({ method, path, query = {}, headers = {}, body }: Call, origin: string) {
  const { protocol, hostname, host } = new URL(origin);
  const copy: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(query)) copy[name] = typeof value === "string" ? value : [...value];
  return { method, protocol, hostname, path, query: copy, headers: { ...headers, host }, body };
}

function wire(
  origin: string,
  method: string,
  path: string,
  query: Readonly<Record<string, string | readonly string[] | null>>,
  headers: Readonly<Record<string, string>>,
  body = "",
): Wire {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value ?? ""].flat().map((one) => `${escape(name)}=${escape(one)}`),
  );
  const target = pairs.length === 0 ? path : `${path}?${pairs.join("&")}`;
  return { origin, method, target, headers, body };
}

/** The one encoding that a signature knows: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
function escape(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A key as a path: each part encoded, the slashes kept. */
export function encodeKey(key: string): string {
  return key.split("/").map(escape).join("/");
}
