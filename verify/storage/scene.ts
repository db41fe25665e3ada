/** What an attempt on an S3 server is made of: who asks whom, and how a request is written and answered. */
import type { StorageNames } from "../../components/naming.ts";
import type { S3Server } from "../../provider/config.ts";
import type { AccessKey } from "../../provider/storage/backend.ts";
import { isAmazon } from "../../provider/storage/client.ts";
import type { Attempt, Outcome } from "../attempt.ts";
import { type Call, encodeKey, presigned, signed, type SignOptions, unsigned, type Wire } from "./sign.ts";
import type { Answer } from "./wire.ts";

/** Folder under a canary's prefix with all that is made for attempts. */
export const canaryFolder = "tenancy-verify/";

export interface Side {
  readonly names: StorageNames;
  readonly key: AccessKey;
}

export interface SceneOptions {
  readonly server: S3Server;
  readonly attacker: Side;
  readonly victim: Side;
  /** The attempt is a control: made by those who may. */
  readonly control: boolean;
  /** Key of an object that the attacker may read. */
  readonly own: string;
  /** Key of an object of the victim. */
  readonly target: string;
  /** A multipart upload of the victim that is in progress. */
  readonly upload: { readonly key: string; readonly id: string };
}

/** A call with a key of the bucket in place of a path; none is the bucket. */
export interface KeyCall extends Omit<Call, "path"> {
  readonly key?: string;
}

export class Scene {
  readonly control: boolean;
  readonly server: S3Server;
  readonly attacker: Side;
  readonly victim: Side;
  readonly own: string;
  readonly target: string;
  readonly upload: { readonly key: string; readonly id: string };

  constructor({ server, attacker, victim, control, own, target, upload }: SceneOptions) {
    this.server = server;
    this.attacker = attacker;
    this.victim = victim;
    this.control = control;
    this.own = own;
    this.target = target;
    this.upload = upload;
  }

  /** Key in the victim's prefix that is made for attempts. */
  planted(name: string): string {
    return `${this.victim.names.prefix}${canaryFolder}${name}`;
  }

  /** Prefix whose name begins as the attacker's: what a policy without the closing slash would open. */
  get sibling(): string {
    return `${this.attacker.names.prefix.slice(0, -1)}2/`;
  }

  /** `.tenancy/tenants/acme`: the victim's mark without `.json`. */
  get mark(): string {
    return `.tenancy/${this.victim.names.prefix.slice(0, -1)}`;
  }

  path(key?: string): string {
    return key === undefined ? `/${this.server.bucket}` : `/${this.server.bucket}/${encodeKey(key)}`;
  }

  call({ key, ...rest }: KeyCall): Call {
    return { ...rest, path: this.path(key) };
  }

  options(changes: Partial<SignOptions> = {}): SignOptions {
    return { origin: this.server.endpoint, region: this.server.region, key: this.attacker.key, ...changes };
  }

  signed(call: KeyCall, changes: Partial<SignOptions> = {}): Promise<Wire> {
    return signed(this.call(call), this.options(changes));
  }

  /** For paths that no key gives. */
  signedPath(call: Call): Promise<Wire> {
    return signed(call, this.options());
  }

  /** @param seconds - how long the URL works */
  presigned(call: KeyCall, changes: Partial<SignOptions> = {}, seconds = 60): Promise<Wire> {
    return presigned(this.call(call), this.options(changes), seconds);
  }

  unsigned(call: KeyCall): Wire {
    return unsigned(this.call(call), this.server.endpoint);
  }

  /** A call of IAM, as a form. */
  iam(action: string, parameters: Readonly<Record<string, string>>): Promise<Wire> {
    const amazon = "https://iam.amazonaws.com";
    const origin = this.server.iamEndpoint ?? (isAmazon(this.server) ? amazon : this.server.endpoint);
    const region = isAmazon(this.server) ? "us-east-1" : this.server.region;
    return this.#form("iam", "2010-05-08", action, parameters, { origin, region });
  }

  sts(action: string, parameters: Readonly<Record<string, string>>): Promise<Wire> {
    const { region, endpoint } = this.server;
    const origin = isAmazon(this.server) ? `https://sts.${region}.amazonaws.com` : endpoint;
    return this.#form("sts", "2011-06-15", action, parameters, { origin, region });
  }

  #form(
    service: "iam" | "sts",
    version: string,
    action: string,
    parameters: Readonly<Record<string, string>>,
    place: Pick<SignOptions, "origin" | "region">,
  ): Promise<Wire> {
    const body = new URLSearchParams({ Action: action, Version: version, ...parameters }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return signed({ method: "POST", path: "/", service, headers, body }, this.options(place));
  }
}

export interface S3Attempt extends Attempt {
  /**
   * Codes of answers that only those get who may, besides success: a precondition or a body that cannot be fulfilled is
   * looked at after the right.
   */
  readonly granted?: readonly string[];
  make(scene: Scene, first: Answer | undefined): Promise<Wire> | Wire;
  /** As `granted`, for the control alone, where the plain way takes the place of a trick. */
  readonly grantedPlainly?: readonly string[];
  /** The dry form; left out: `make` is harmless enough. */
  dry?(scene: Scene): Promise<Wire> | Wire;
  /** What an answer of success means, where it is not all. */
  judge?(answer: Answer, scene: Scene): Outcome;
  /** A request before it whose answer it needs, as the begin of an upload. */
  first?(scene: Scene): Promise<Wire>;
  /** Takes back what it made, whatever the answer was. */
  undo?(answer: Answer, scene: Scene, first: Answer | undefined): Promise<Wire> | undefined;
  /** @default every S3 server */
  offered?(server: S3Server, embedded: boolean): boolean;
}

/** What stands the same in all. */
export function attempts(records: readonly Omit<S3Attempt, "store">[]): readonly S3Attempt[] {
  return records.map((record) => ({ ...record, store: "storage" }));
}

export function judge(attempt: S3Attempt, answer: Answer, scene: Scene): Outcome {
  const { status, code } = answer;
  const granted = [...(attempt.granted ?? []), ...(scene.control ? (attempt.grantedPlainly ?? []) : [])];
  if (granted.includes(code)) return { kind: "allowed", evidence: `HTTP ${code}` };
  if (status >= 200 && status < 300 && code === String(status)) {
    return attempt.judge?.(answer, scene) ?? { kind: "allowed", evidence: `HTTP ${status}` };
  }
  const isRefusal = (status >= 200 && status < 300) || (status >= 400 && status < 500) || status === 501;
  // Too many requests, or too slow: no word about the right.
  if (isRefusal && status !== 408 && status !== 429) return { kind: "denied", code };
  return { kind: "failed", reason: `HTTP ${code}` };
}
