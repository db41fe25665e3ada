/** Where a clone's rows come from. */
import type * as pulumi from "@pulumi/pulumi";
import type { CopySource } from "../provider/inputs.ts";
import type { TenantRecord } from "../tenants/load.ts";
import { postgresNames } from "./naming.ts";

export interface Copy {
  readonly of: CopySource;
  /** What has to be made before: the source's schema. */
  readonly after: readonly pulumi.Resource[];
}

/**
 * Undefined where no rows are copied.
 *
 * @param made - tenants that are made already, the source among them
 */
export function copyOf(
  { clone }: TenantRecord,
  tenants: readonly TenantRecord[],
  made: ReadonlyMap<string, { readonly resources: readonly pulumi.Resource[] }>,
): Copy | undefined {
  const source = clone?.data === true ? tenants.find(({ id }) => id === clone.of) : undefined;
  if (source === undefined) return undefined;
  const { schema, ownerRole } = postgresNames(source.prefix, source.id);
  return { of: { tenant: source.id, schema, ownerRole }, after: made.get(source.id)?.resources ?? [] };
}
