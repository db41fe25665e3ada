import { type Resource, stackRule } from "../rule.ts";
import { ofType } from "../support/links.ts";
import { findProvider, platformOf, providerType } from "../support/platform.ts";
import { at, isProperties, text } from "../values.ts";

const database = "tenancy:neo4j:Database";

export default stackRule({
  name: "tenancy-neo4j-community-not-shared",
  subject: "isolation",
  description: "No two tenants share a server of Neo4j Community.",
  reason: "It has one database and no roles: every user reads and deletes everything on the server.",
  source: {
    title: "Neo4j operations manual, Role-based access control (Enterprise Edition)",
    url: "https://neo4j.com/docs/operations-manual/current/authentication-authorization/manage-privileges/",
  },
  remediation:
    "Use Neo4j Enterprise, or a server of the kind `instances` or `kubernetes`: a Community process for each tenant",
  severity: "critical",
  enforcement: "mandatory",
  types: [providerType, database],
  *check(resources) {
    const platform = platformOf(findProvider(resources));
    const places = new Map<string, string>();
    for (const resource of ofType(resources, database)) {
      const tenant = text(resource.props.tenant);
      const server = text(resource.props.server);
      if (tenant === undefined || server === undefined) continue;
      const place = placeOf(resource, server, isProperties(platform) ? at(platform, "neo4j", server) : undefined);
      if (place === undefined) continue;
      const other = places.get(place);
      if (other === undefined) places.set(place, tenant);
      else if (other !== tenant) {
        yield {
          urn: resource.urn,
          message: `tenant ${tenant}: shares ${place}, a Neo4j Community, with tenant ${other}`,
        };
      }
    }
  },
});

/** The process that a tenant's data lies in, where every user of that process is an administrator. */
function placeOf(resource: Resource, server: string, settings: ReturnType<typeof at>): string | undefined {
  const kind = text(at(settings, "kind")) ?? "server";
  const edition = text(resource.props.edition) ?? text(at(settings, "edition"));
  if (kind === "server") return edition?.toLowerCase() === "community" ? `the server ${server}` : undefined;
  // One process a tenant: two of them at one address are one process after all.
  const uri = text(resource.props.uri);
  return uri === undefined ? undefined : `the address ${hostOf(uri)}`;
}

/** Without a login, should one stand in it. */
function hostOf(uri: string): string {
  return /^[a-z0-9+.-]+:\/\/(?:[^@/]*@)?([^/?#]+)/i.exec(uri)?.[1] ?? "of its instance";
}
