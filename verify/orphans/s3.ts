/**
 * What a bucket and its IAM hold of no known tenant: prefixes by listings with a delimiter, so that a tenant's objects
 * cost nothing however many they are; marks; IAM users by name, with their access keys.
 */
import { type AccessKeyMetadata, ListAccessKeysCommand, ListUsersCommand, type User } from "@aws-sdk/client-iam";
import { GetObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { canaryPrefix } from "../../components/naming.ts";
import { ProviderError } from "../../provider/handler.ts";
import { type Mark, parseMark } from "../../provider/mark.ts";
import {
  type BucketServer,
  connectS3,
  endpointOf,
  hasIamUsers,
  type S3Clients,
} from "../../provider/storage/client.ts";
import { describe, errorCode } from "../../provider/storage/errors.ts";
import { markPath } from "../../provider/storage/s3.ts";
import { counted, describeMark, isOthers, type MarkedSearch } from "./marks.ts";
import { defaultLimit, inOrder, knownNames, type Orphan, type OrphanList } from "./orphan.ts";

type S3OrphanSearch = MarkedSearch<BucketServer>;

const markFolder = ".tenancy/";

interface Listed {
  readonly prefixes: readonly string[];
  readonly objects: readonly { readonly key: string; readonly changed: Date | undefined }[];
}

export async function s3Orphans(
  search: S3OrphanSearch,
  connect: (server: BucketServer) => S3Clients = connectS3,
): Promise<OrphanList> {
  const clients = connect(search.server);
  try {
    return await new S3Search(clients, search).run();
  } finally {
    clients.close();
  }
}

class S3Search {
  readonly #clients: S3Clients;
  readonly #search: S3OrphanSearch;
  readonly #limit: number;
  readonly #orphans: Orphan[] = [];
  readonly #incomplete: string[] = [];

  constructor(clients: S3Clients, search: S3OrphanSearch) {
    this.#clients = clients;
    this.#search = search;
    this.#limit = search.limit ?? defaultLimit;
  }

  async run(): Promise<OrphanList> {
    const { tenants, prefixes, origin } = this.#search;
    const known = knownNames(tenants).storage;
    const tops = new Set([...prefixes, canaryPrefix].map((prefix) => `${prefix}s/`));
    const root = await this.#list("", "/");
    const found = new Set<string>();
    const others = root.prefixes.filter((prefix) => prefix !== markFolder && !tops.has(prefix));
    if (root.objects.length > 0) {
      this.#add("prefix", "/", `${counted(root.objects.length, "object")} under no prefix`, latest(root));
    }
    for (const top of root.prefixes.filter((prefix) => tops.has(prefix))) {
      const level = await this.#list(top, "/");
      // The folder's own marker is no object of anyone.
      const beside = { ...level, objects: level.objects.filter(({ key }) => key !== top) };
      if (beside.objects.length > 0) {
        this.#add(
          "prefix",
          top,
          `${counted(beside.objects.length, "object")} beside the tenants' prefixes`,
          latest(beside),
        );
      }
      for (const prefix of level.prefixes) found.add(prefix);
    }

    const knownPrefixes = new Set(known.map(({ prefix }) => prefix));
    const marks = await this.#marks(knownPrefixes);
    for (const prefix of found) {
      const mark = marks.get(markPath(prefix))?.mark;
      if (knownPrefixes.has(prefix) || isOthers(mark, origin)) continue;
      await this.#addPrefix(prefix, `; ${describeMark(mark)}`);
    }
    for (const prefix of others) await this.#addPrefix(prefix, "; no tenant's naming prefix");
    const markOf = new Set([...found].map(markPath));
    for (const [key, { mark, since }] of marks) {
      if (markOf.has(key) || isOthers(mark, origin)) continue;
      this.#add("mark", key, `${describeMark(mark)}; there is nothing under its prefix`, since);
    }
    if (!hasIamUsers(this.#search.server)) return { orphans: inOrder(this.#orphans), incomplete: this.#incomplete };
    await this.#users(
      new Set(known.map(({ username }) => username)),
      new Set(
        [...marks.values()].flatMap(({ mark }) => (isOthers(mark, origin) && mark !== undefined ? [mark.tenant] : [])),
      ),
    );
    return { orphans: inOrder(this.#orphans), incomplete: this.#incomplete };
  }

  #add(kind: Orphan["kind"], name: string, detail: string, since?: Date): void {
    const when = since === undefined ? {} : { since: since.toISOString() };
    this.#orphans.push({ store: "storage", server: this.#search.name, kind, name, detail, ...when });
  }

  /** One page tells whether it is a few objects or many. */
  async #addPrefix(prefix: string, detail: string): Promise<void> {
    const { Contents = [], IsTruncated } = await this.#call("ListObjectsV2", () =>
      this.#clients.s3.send(new ListObjectsV2Command({ Bucket: this.#search.server.bucket, Prefix: prefix })),
    );
    const objects = Contents.filter(({ Key }) => Key?.endsWith("/") !== true);
    const count = `${counted(objects.length, "object")}${IsTruncated === true ? " or more" : ""}`;
    const changed = objects.flatMap(({ LastModified }) => (LastModified === undefined ? [] : [LastModified.getTime()]));
    this.#add("prefix", prefix, `${count}${detail}`, changed.length === 0 ? undefined : new Date(Math.max(...changed)));
  }

  /** Marks of unknown prefixes by their key. */
  async #marks(known: ReadonlySet<string>): Promise<Map<string, { mark: Mark | undefined; since: Date | undefined }>> {
    const knownMarks = new Set([...known].map(markPath));
    const { objects } = await this.#list(markFolder, undefined);
    const marks = new Map<string, { mark: Mark | undefined; since: Date | undefined }>();
    for (const { key, changed } of objects) {
      if (knownMarks.has(key) || key.endsWith("/")) continue;
      const text = await this.#call("GetObject", () =>
        unlessGone(async () => {
          const { Body } = await this.#clients.s3.send(
            new GetObjectCommand({ Bucket: this.#search.server.bucket, Key: key, Range: "bytes=0-4095" }),
          );
          return Body?.transformToString("utf8");
        }),
      );
      // Removed since it was listed.
      if (text === undefined) continue;
      marks.set(key, { mark: parseMark(text), since: changed });
    }
    return marks;
  }

  async #users(known: ReadonlySet<string>, tenantsOfOthers: ReadonlySet<string>): Promise<void> {
    const begins = [...this.#search.prefixes, canaryPrefix].map((prefix) => `${prefix}.`);
    for (const { UserName = "", CreateDate } of await this.#allUsers()) {
      const begin = begins.find((one) => UserName.startsWith(one));
      if (begin === undefined || known.has(UserName) || tenantsOfOthers.has(UserName.slice(begin.length))) continue;
      const keys = await this.#keys(UserName);
      if (keys === undefined) continue;
      this.#add("IAM user", UserName, counted(keys.length, "access key"), CreateDate);
      for (const { AccessKeyId = "", Status, CreateDate: made } of keys) {
        this.#add("access key", AccessKeyId, `of IAM user ${UserName}, status ${Status ?? "unknown"}`, made);
      }
    }
  }

  async #allUsers(): Promise<readonly User[]> {
    const users: User[] = [];
    let Marker: string | undefined;
    do {
      const page = await this.#call("ListUsers", () =>
        this.#clients.iam.send(new ListUsersCommand(Marker === undefined ? {} : { Marker })),
      );
      users.push(...(page.Users ?? []));
      Marker = page.IsTruncated === true ? page.Marker : undefined;
    } while (Marker !== undefined && users.length < this.#limit);
    if (Marker !== undefined) this.#incomplete.push(`the first ${users.length} IAM users were looked at`);
    return users;
  }

  /** Undefined for a user that was removed since it was listed. */
  async #keys(UserName: string): Promise<readonly AccessKeyMetadata[] | undefined> {
    const answer = await this.#call("ListAccessKeys", () =>
      unlessGone(() => this.#clients.iam.send(new ListAccessKeysCommand({ UserName }))),
    );
    return answer === undefined ? undefined : (answer.AccessKeyMetadata ?? []);
  }

  /** @param Delimiter undefined for everything below */
  async #list(Prefix: string, Delimiter: "/" | undefined): Promise<Listed> {
    const prefixes: string[] = [];
    const objects: { key: string; changed: Date | undefined }[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await this.#call("ListObjectsV2", () =>
        this.#clients.s3.send(
          new ListObjectsV2Command({
            Bucket: this.#search.server.bucket,
            Prefix,
            ...(Delimiter === undefined ? {} : { Delimiter }),
            ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
          }),
        ),
      );
      for (const { Prefix: common } of page.CommonPrefixes ?? []) if (common !== undefined) prefixes.push(common);
      for (const { Key, LastModified } of page.Contents ?? []) {
        if (Key !== undefined) objects.push({ key: Key, changed: LastModified });
      }
      ContinuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (ContinuationToken !== undefined && prefixes.length + objects.length < this.#limit);
    if (ContinuationToken !== undefined) {
      const where = Prefix === "" ? "the bucket's top" : Prefix;
      this.#incomplete.push(`the first ${prefixes.length + objects.length} entries of ${where} were looked at`);
    }
    return { prefixes, objects };
  }

  async #call<T>(what: string, send: () => Promise<T>): Promise<T> {
    if (this.#search.signal?.aborted === true) throw new ProviderError(`${what} was cancelled`);
    try {
      return await send();
    } catch (error) {
      throw describe(error, `${endpointOf(this.#search.server)}, bucket ${this.#search.server.bucket}, ${what}`);
    }
  }
}

async function unlessGone<T>(send: () => Promise<T>): Promise<T | undefined> {
  try {
    return await send();
  } catch (error) {
    if (/^(NoSuchEntity|NoSuchKey)$/.test(errorCode(error))) return undefined;
    throw error;
  }
}

function latest({ objects }: Listed): Date | undefined {
  const times = objects.flatMap(({ changed }) => (changed === undefined ? [] : [changed.getTime()]));
  return times.length === 0 ? undefined : new Date(Math.max(...times));
}
