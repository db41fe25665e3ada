/** Object storage and folders under attack, with each tenant's own access key. */
import type { FileSystemServer, S3Server } from "../../provider/config.ts";
import { ProbeError, type Residue, type StoreProbe } from "../attempt.ts";
import type { Party, StorageParty } from "../party.ts";
import { folderSession, furnishFolder, tenantsFolder, visibleFolders } from "./folder-session.ts";
import { folderAttempts } from "./folders.ts";
import { bucketName, folderOwner, S3Sessions, s3Attempts } from "./s3-session.ts";

const s3ById = new Map(s3Attempts.map((attempt) => [attempt.id, attempt]));

const residue: readonly Residue[] = [
  {
    place: bucketName,
    what: "name and region of the bucket that all tenants share",
    document: "docs/storage.md#what-stays-visible-by-design",
  },
  {
    place: folderOwner,
    what: "name or account of the platform's login, which made them",
    document: "docs/threat-model.md#what-stays-visible",
  },
  {
    place: tenantsFolder,
    what: "ids of all tenants, for applications that run as the account of the platform",
    document: "docs/storage.md#file-system",
  },
];

/** @returns a probe that keeps sockets only while a session of it is open */
export function storageProbe(): StoreProbe {
  const sessions = new S3Sessions();
  return {
    store: "storage",
    attempts: [...s3Attempts, ...folderAttempts],
    residue,

    applies(attempt, { storage }) {
      if (storage === undefined) return false;
      const known = s3ById.get(attempt.id);
      if (storage.server.kind === "filesystem") return known === undefined;
      if (storage.server.kind === "aws") return known !== undefined;
      return known !== undefined && (known.offered?.(storage.server, storage.embedded) ?? true);
    },

    async furnish(canary) {
      const place = placeOf(canary);
      if (place.kind === "s3") await sessions.furnish(canary.id, place);
      else await furnishFolder(place.server, place.party);
    },

    open(attacker) {
      const place = placeOf(attacker);
      if (place.kind === "s3") return sessions.open(attacker.id, place);
      return Promise.resolve(folderSession(place.server, place.party));
    },

    openAdministrator(victim) {
      const place = placeOf(victim);
      return Promise.resolve(
        place.kind === "s3" ? sessions.openAdministrator(place) : folderSession(place.server, undefined),
      );
    },

    visible(attacker, victim) {
      const place = placeOf(attacker);
      const { party } = placeOf(victim);
      return place.kind === "s3" ? sessions.visible(place, party) : visibleFolders(place.server, place.party, party);
    },
  };
}

type Place =
  | { readonly kind: "s3"; readonly server: S3Server; readonly party: StorageParty }
  | { readonly kind: "filesystem"; readonly server: FileSystemServer; readonly party: StorageParty };

function placeOf({ id, storage }: Party): Place {
  if (storage === undefined) throw new ProbeError(`tenant ${id}: it has no storage`);
  const { server } = storage;
  if (server.kind === "aws") {
    throw new ProbeError(`tenant ${id}: access to ${server.bucket} is by roles, which this command cannot take on`);
  }
  return server.kind === "s3" ? { kind: "s3", server, party: storage } : { kind: "filesystem", server, party: storage };
}
