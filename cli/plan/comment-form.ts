/** What the makers and the poster of comments agree on; no package is needed to read it. */

/** GitHub refuses longer comments. */
export const commentLimit = 65_536;

/** By which the comment is found again: its first line. */
export const marker = "<!-- tenancy-plan -->";

/** Where a stack's data lies, from the project's folder. */
export interface Layout {
  readonly registry: string;
  /** Folder of the registry. */
  readonly folder: string;
  readonly templates: string;
}

/** Whether a file is data of tenants: read, checked and compared, and never run as a program. */
export function isTenantData(path: string, { registry, folder }: Pick<Layout, "registry" | "folder">): boolean {
  const below = folder === "." ? path : path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : undefined;
  if (below === undefined) return false;
  return path === registry || /^registry\.d\/[^/]+\.yaml$/.test(below) || /^sql\/[^.].*\.sql$/.test(below);
}
