/** Storage's orphans: what lies in a bucket or under a root folder and belongs to no known tenant. */
import type { StorageServer } from "../../provider/config.ts";
import { folderOrphans } from "./folders.ts";
import type { MarkedSearch } from "./marks.ts";
import type { OrphanList } from "./orphan.ts";
import { s3Orphans } from "./s3.ts";

export type StorageOrphanSearch = MarkedSearch<StorageServer>;

/** @throws ProviderError when the server or the folder cannot be asked */
export function storageOrphans(search: StorageOrphanSearch): Promise<OrphanList> {
  const { server } = search;
  return server.kind === "filesystem" ? folderOrphans({ ...search, server }) : s3Orphans({ ...search, server });
}
