/** Sessions on S3 servers: the sockets that they share, and what is known of the victims. */
import type { S3Server } from "../../provider/config.ts";
import { type Attempt, type Form, ProbeError, type ProbeSession } from "../attempt.ts";
import type { Party, StorageParty } from "../party.ts";
import { bucketAttempts } from "./bucket.ts";
import { iamAttempts } from "./iam.ts";
import { listingAttempts } from "./listings.ts";
import { objectAttempts } from "./objects.ts";
import { pathAttempts } from "./paths.ts";
import { alone, carryOut, firstKey, noUpload, side, withoutDenials } from "./carry-out.ts";
import { canaryFolder, type S3Attempt, Scene, type Side } from "./scene.ts";
import { settingAttempts } from "./settings.ts";
import { signatureAttempts } from "./signatures.ts";
import { uploadAttempts } from "./uploads.ts";
import { type Answer, failureOf, openTransport, type Transport } from "./wire.ts";

export const s3Attempts: readonly S3Attempt[] = [
  ...objectAttempts,
  ...settingAttempts,
  ...listingAttempts,
  ...uploadAttempts,
  ...signatureAttempts,
  ...pathAttempts,
  ...bucketAttempts,
  ...iamAttempts,
];

const byId = new Map(s3Attempts.map((attempt) => [attempt.id, attempt]));

/** Places that every tenant sees by design. */
export const bucketName = "S3, name of the bucket";
export const folderOwner = "S3, owner of the tenant's folders";

const inLocation = "S3 GetBucketLocation";
const inOwners = "S3 ListObjectsV2, owners";

/** Requests under way at once on one server, of all tenants together. */
const maxSockets = 8;

interface Opened {
  readonly transport: Transport;
  users: number;
}

interface Place {
  readonly server: S3Server;
  readonly party: StorageParty;
}

export class S3Sessions {
  readonly #transports = new Map<string, Opened>();
  /** Key of an object of each victim. */
  readonly #targets = new Map<string, Promise<string>>();
  /** A canary's upload in progress. */
  readonly #uploads = new Map<string, { readonly key: string; readonly id: string }>();

  /** @throws ProbeError when the access key does not get in */
  async open(id: string, { server, party }: Place): Promise<ProbeSession> {
    const { transport, release } = this.#use(server);
    try {
      const own = await firstKey(transport, server, party);
      const { refusal } = own;
      // A key that is known and shut out of its own prefix may be another tenant's: that is worth an attack.
      if (refusal !== undefined && refusal !== "403 AccessDenied") {
        throw new ProbeError(`tenant ${id}: storage "${party.name}": the tenant's access key is refused: ${refusal}`);
      }
      const session = this.#session(transport, release, server, side(party), own.key);
      return refusal === undefined ? session : withoutDenials(session);
    } catch (error) {
      release();
      throw error instanceof ProbeError
        ? error
        : new ProbeError(`tenant ${id}: storage "${party.name}": no answer of the server: ${failureOf(error)}`);
    }
  }

  openAdministrator({ server, party }: Place): ProbeSession {
    const { transport, release } = this.#use(server);
    const { accessKeyId, secretAccessKey } = server;
    return this.#session(transport, release, server, {
      names: party.names,
      key: { accessKeyId, secretAccessKey },
    });
  }

  /**
   * An object in each folder, two beside them, and an upload in progress, all by the canary's own key.
   *
   * @throws ProbeError when the canary may not
   */
  async furnish(id: string, { server, party }: Place): Promise<void> {
    const { transport, release } = this.#use(server);
    try {
      const scene = new Scene({ ...alone(server, side(party)), own: "", target: "" });
      const must = async (what: string, wire: Promise<Parameters<Transport["send"]>[0]>): Promise<Answer> => {
        const answer = await transport.send(await wire);
        if (answer.code === "200") return answer;
        throw new ProbeError(`tenant ${id}: storage "${party.name}": ${what}: ${answer.code}`);
      };
      const { prefix } = party.names;
      const query = { "list-type": "2", prefix, delimiter: "/" };
      const { body } = await must("ListObjectsV2", scene.signed({ method: "GET", query }));
      const shown = [...body.matchAll(/<(?:Key|Prefix)>([^<]+\/)<\//g)].map(([, key = ""]) => key);
      const folders = new Set(shown.filter((key) => key !== prefix && key !== `${prefix}${canaryFolder}`));
      const keys = [...folders].map((folder) => `${folder}tenancy-verify.txt`);
      for (const key of [...keys, scene.planted("object"), scene.planted("doomed")]) {
        await must("PutObject", scene.signed({ method: "PUT", key, body: "canary\n" }));
      }
      const known = this.#uploads.get(prefix);
      if (known !== undefined) return;
      const key = scene.planted("upload");
      const begun = await must("CreateMultipartUpload", scene.signed({ method: "POST", key, query: { uploads: "" } }));
      const upload = /<UploadId>([^<]+)<\/UploadId>/.exec(begun.body)?.[1] ?? "";
      this.#uploads.set(prefix, { key, id: upload });
      const part = { method: "PUT", key, query: { partNumber: "1", uploadId: upload }, body: "canary\n" };
      await must("UploadPart", scene.signed(part));
    } finally {
      release();
    }
  }

  /** What the attacker may ask by design, where the victim's names stand in the answer. */
  async visible({ server, party }: Place, victim: StorageParty): Promise<readonly string[]> {
    const { transport, release } = this.#use(server);
    try {
      const scene = new Scene({ ...alone(server, side(party)), own: "", target: "" });
      const { prefix } = party.names;
      const owners = { "list-type": "2", prefix, "fetch-owner": "true", "max-keys": "100" };
      const asked: readonly [string, Promise<Parameters<Transport["send"]>[0]>, RegExp][] = [
        ["S3 ListBuckets", scene.signedPath({ method: "GET", path: "/" }), /[^]*/],
        [inLocation, scene.signed({ method: "GET", query: { location: "" } }), /[^]*/],
        [inOwners, scene.signed({ method: "GET", query: owners }), /<Owner>[^]*?<\/Owner>/g],
      ];
      const places = new Set<string>();
      for (const [place, wire, where] of asked) {
        const { body, status } = await transport.send(await wire);
        if (status >= 300) continue;
        // Keys of the attacker's own are its own, whatever they say.
        const text = (body.match(where) ?? []).join("");
        if ([victim.names.prefix, victim.names.username].some((name) => text.includes(name))) places.add(place);
        if (place === inLocation) places.add(bucketName);
        if (place === inOwners && text.replaceAll(party.names.username, "").includes("<ID>")) places.add(folderOwner);
      }
      return [...places];
    } finally {
      release();
    }
  }

  #session(transport: Transport, release: () => void, server: S3Server, attacker: Side, ownKey?: string): ProbeSession {
    return {
      attempt: async (attempt: Attempt, victim: Party, form: Form) => {
        const known = byId.get(attempt.id);
        if (known === undefined || victim.storage === undefined) {
          return { kind: "failed", reason: "not possible on an S3 server" };
        }
        try {
          const target = await this.#target(transport, server, victim.storage, victim.canary);
          const scene = new Scene({
            server,
            attacker,
            victim: side(victim.storage),
            control: attacker.names.prefix === victim.storage.names.prefix,
            own: ownKey ?? target,
            target,
            upload: this.#uploads.get(victim.storage.names.prefix) ?? noUpload(victim.storage),
          });
          return await carryOut(transport, known, scene, form);
        } catch (error) {
          const code = failureOf(error);
          return attempt.expected.includes(code) ? { kind: "denied", code } : { kind: "failed", reason: code };
        }
      },
      close: () => {
        release();
        return Promise.resolve();
      },
    };
  }

  #target(transport: Transport, server: S3Server, victim: StorageParty, canary: boolean): Promise<string> {
    const { prefix } = victim.names;
    if (canary) return Promise.resolve(`${prefix}${canaryFolder}object`);
    const known = this.#targets.get(prefix) ?? firstKey(transport, server, victim).then(({ key }) => key);
    this.#targets.set(prefix, known);
    return known;
  }

  #use(server: S3Server): { readonly transport: Transport; readonly release: () => void } {
    const name = `${server.endpoint} ${server.bucket}`;
    const opened = this.#transports.get(name) ?? { transport: openTransport(server.ca, maxSockets), users: 0 };
    this.#transports.set(name, opened);
    opened.users++;
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      if (--opened.users > 0) return;
      opened.transport.close();
      this.#transports.delete(name);
    };
    return { transport: opened.transport, release };
  }
}
