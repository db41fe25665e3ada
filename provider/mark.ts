/**
 * Marks say which resource of which stack made an object, so that a run after a crash can take over what is provably
 * its own, and nothing else. docs/decisions/adoption.md tells what each rule prevents.
 */
import { randomBytes } from "node:crypto";
import { z } from "zod";
import { ProviderError } from "./handler.ts";

export const markSchema = z.object({
  /** Holds stack, project, type and name. */
  urn: z.string().min(1),
  tenant: z.string().min(1),
  token: z.string().min(1),
});
export type Mark = z.infer<typeof markSchema>;

export function newMark(urn: string, tenant: string): Mark {
  return { urn, tenant, token: randomBytes(16).toString("hex") };
}

/** Reads a mark from text; undefined where the text is none of ours. */
export function parseMark(text: string | null | undefined): Mark | undefined {
  if (text === null || text === undefined || text === "") return undefined;
  try {
    return markSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Whether a resource of this type is taken over again after a crash: only then may an engine skip checkpoints. */
export function isAdoptable(type: string): boolean {
  return /^(tenancy:|random:|pulumi:)/.test(type);
}

/** Stands in every refusal of a resource that is not. */
export const orphanText = "could be orphaned by a crash while checkpoints are skipped";

export interface Found {
  /** As in `PostgreSQL schema "tenant_acme"`. */
  readonly what: string;
  readonly mark: Mark | undefined;
  /** What of the tenant is inside, as in `table documents has rows`; undefined where nothing is. */
  readonly data: string | undefined;
}

/**
 * Decides whether `create` may take over an object that is already there.
 *
 * @throws ProviderError when it may not: another URN's mark, no mark, or tenant data inside without `tenancy adopt`.
 */
export function assertAdoptable(found: Found, urn: string, tenant: string, adopt: ReadonlySet<string>): void {
  const named = adopt.has(tenant);
  if (found.mark === undefined && !named) {
    throw new ProviderError(
      `tenant ${tenant}: ${found.what} exists and carries no mark of this tool. ` +
        `If it belongs to this tenant, take it over with \`tenancy adopt ${tenant}\`; otherwise remove or rename it.`,
    );
  }
  if (found.mark !== undefined && found.mark.urn !== urn) {
    throw new ProviderError(
      `tenant ${tenant}: ${found.what} belongs to the resource ${found.mark.urn}, not to ${urn}. ` +
        `If the resource was renamed or moved, add the option aliases: [{…}] with the old URN; ` +
        `two stacks may not share an object.`,
    );
  }
  if (found.data !== undefined && !named) {
    throw new ProviderError(
      `tenant ${tenant}: ${found.what} is not in the stack's state and holds data (${found.data}). ` +
        `Restore the state from its backup, or take the data over with \`tenancy adopt ${tenant}\`.`,
    );
  }
}

/** Whether a live object is the one that a state describes; if not, `delete` must leave it alone. */
export function isInstance(mark: Mark | undefined, outputs: { readonly instanceToken: string }): boolean {
  return mark?.token === outputs.instanceToken;
}
