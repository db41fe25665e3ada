/** Namespaces of tenants, and what lies in them. */
import type { Context, Resource } from "../rule.ts";
import { namespace } from "./kubernetes-types.ts";
import { Companions, objectName, ofType } from "./links.ts";
import { Tenants } from "./tenants.ts";

export interface TenantNamespace {
  readonly tenant: string;
  readonly resource: Resource;
  /** Objects of the asked type in it. */
  readonly objects: readonly Resource[];
}

/** Every tenant's namespace with its objects of a type. */
export function* tenantNamespaces(
  resources: readonly Resource[],
  type: string,
  context: Pick<Context<unknown>, "parentOf">,
): Iterable<TenantNamespace> {
  const tenants = new Tenants(resources, context);
  const objects = new Companions(ofType(resources, type), "metadata.namespace");
  for (const resource of ofType(resources, namespace)) {
    const tenant = tenants.of(resource);
    if (tenant === undefined) continue;
    yield { tenant, resource, objects: objects.of(resource, objectName(resource)) };
  }
}
