/** What a look at a live store finds that is not as it has to be. `read` tells its sentence, `tenancy drift` all of it. */

/** Who brings it back: the next update, an administrator of the server, or a person who has to decide. */
export const mends = ["repair", "administrator", "by hand"] as const;
export type Mend = (typeof mends)[number];

export interface Finding {
  /** As in `role tenant_acme_app: connection limit`. */
  readonly field: string;
  readonly is: string;
  readonly should: string;
  /** The whole of it, without a full stop. Never a secret. */
  readonly sentence: string;
  readonly mend: Mend;
  /** What the administrator or the person would run; empty where an update does it. */
  readonly statements: readonly string[];
}

/** A finding that the next update mends. */
export function repairable(field: string, is: string, should: string, sentence: string): Finding {
  return { field, is, should, sentence, mend: "repair", statements: [] };
}

/** Tells each finding to whoever listens and gives the sentences for `drift`. */
export function tellAll(
  context: { readonly found?: ((finding: Finding) => void) | undefined },
  findings: readonly Finding[],
): string[] {
  for (const finding of findings) context.found?.(finding);
  return findings.map(({ sentence }) => sentence);
}
