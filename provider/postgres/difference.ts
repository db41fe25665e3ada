/** One difference of a tenant's live schema from what it has to be, with what mends it. */
import type { Finding, Mend } from "../finding.ts";
import type { PostgresServer } from "../config.ts";

export interface Difference {
  readonly sentence: string;
  /** As in `role tenant_acme_app: connection limit`. */
  readonly field: string;
  readonly is: string;
  readonly should: string;
  /** Run as the schema's owner. */
  readonly asOwner?: readonly string[];
  /** Run as the provisioner. */
  readonly asProvisioner?: readonly string[];
  /** What an administrator has to run, where the provisioner may not. */
  readonly asAdministrator?: readonly string[];
  /** What a person may run after having looked: it could touch data or somebody else's objects. */
  readonly byHand?: readonly string[];
}

/** The configured administrator mends as well as the provisioner does. */
export function toFinding(difference: Difference, server: PostgresServer): Finding {
  const { field, is, should, sentence, asOwner, asProvisioner, asAdministrator, byHand } = difference;
  const mine = asOwner !== undefined || asProvisioner !== undefined;
  const told = server.admin === undefined ? asAdministrator : undefined;
  const mend: Mend =
    told !== undefined ? "administrator" : mine || asAdministrator !== undefined ? "repair" : "by hand";
  return { field, is, should, sentence, mend, statements: told ?? (mend === "by hand" ? (byHand ?? []) : []) };
}

/** Names with commas, or a word for none. */
export function listed(names: readonly string[], none = "none"): string {
  return names.length === 0 ? none : names.join(", ");
}
