/**
 * Where the mark of a tenant lies on an Enterprise server: in the name of a role without privileges and members.
 *
 * It has to be there before anything else and until everything is gone, also while the database is stopped, and no
 * tenant may read or change it. A node in the tenant's database, an alias (which needs its target) and a user's tags
 * (2026.06 and newer) are none of that; SHOW ROLES needs a privilege that no tenant has, and one statement makes,
 * changes or drops a role.
 */
import type { Mark } from "../mark.ts";
import { parseMark } from "../mark.ts";

const begin = "tenancy_mark_";

/** What all mark roles of a tenant begin with; those of others may, too: `parseMarkRole` tells them apart. */
export function markBegin(role: string): string {
  return `${begin}${role}_`;
}

/** Roles may have letters, digits and underscores only: the mark is the hexadecimal of its JSON. */
export function markRole(role: string, mark: Mark): string {
  const { urn, tenant, token } = mark;
  return `${markBegin(role)}${Buffer.from(JSON.stringify({ urn, tenant, token })).toString("hex")}`;
}

export interface MarkedRole {
  /** The tenant's role. */
  readonly role: string;
  /** Undefined where what stands there is no mark. */
  readonly mark: Mark | undefined;
}

/** @returns undefined for a role that is no mark's. */
export function parseMarkRole(name: string): MarkedRole | undefined {
  const match = /^tenancy_mark_(.+)_([0-9a-f]*)$/.exec(name);
  if (match === null) return undefined;
  const [, role = "", hex = ""] = match;
  return { role, mark: parseMark(Buffer.from(hex, "hex").toString("utf8")) };
}
