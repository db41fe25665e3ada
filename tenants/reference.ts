/** The registry's schema as JSON Schema for editors, and as a reference for people. */
import { z } from "zod";
import { registrySchema } from "./schema.ts";

const property: z.ZodType<Property> = z.lazy(() =>
  z.object({
    $ref: z.string().optional(),
    type: z.union([z.string(), z.array(z.string())]).optional(),
    description: z.string().optional(),
    allowed: z.string().optional(),
    default: z.unknown().optional(),
    properties: z.record(z.string(), property).optional(),
    required: z.array(z.string()).optional(),
    additionalProperties: z.union([z.boolean(), property]).optional(),
    allOf: z.array(property).optional(),
    definitions: z.record(z.string(), property).optional(),
  }),
);

interface Property {
  readonly $ref?: string | undefined;
  readonly type?: string | readonly string[] | undefined;
  readonly description?: string | undefined;
  readonly allowed?: string | undefined;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Property>> | undefined;
  readonly required?: readonly string[] | undefined;
  readonly additionalProperties?: boolean | Property | undefined;
  readonly allOf?: readonly Property[] | undefined;
  readonly definitions?: Readonly<Record<string, Property>> | undefined;
}

/** Draft 7 is what editors' YAML plugins know best. */
function jsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(registrySchema, { target: "draft-7", io: "input" });
}

/** JSON Schema of `registry.yaml`; what is allowed stands in the descriptions that editors show. */
export function editorSchema(): unknown {
  return forEditors(jsonSchema());
}

function forEditors(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(forEditors);
  if (typeof value !== "object" || value === null) return value;
  const { allowed, ...rest } = value as Record<string, unknown>;
  const entries = Object.entries(rest).map(([key, inner]) => [key, forEditors(inner)] as const);
  const result: Record<string, unknown> = Object.fromEntries(entries);
  if (typeof allowed === "string" && typeof rest.description === "string") {
    result.description = `${rest.description} Allowed: ${allowed}.`;
  }
  return result;
}

const sections = [
  "tenant",
  "clone",
  "profile",
  "defaults",
  "pool",
  "placement",
  "postgres",
  "silo",
  "backup",
  "quota",
  "recoverFrom",
  "redis",
  "storage",
  "neo4j",
  "backupWaiver",
];
const titles: Readonly<Record<string, string>> = {
  tenant: "A tenant: `tenants.<id>`",
  profile: "A profile: `profiles.<name>`",
  clone: "`clone`",
  defaults: "`defaults`",
  pool: "A pool: `pools.<name>`",
  placement: "`placement`",
  postgres: "`postgres`",
  silo: "`silo`",
  backup: "`silo.backup`",
  quota: "`silo.quota`",
  recoverFrom: "`silo.recoverFrom`",
  redis: "`redis`",
  storage: "`storage`",
  neo4j: "`neo4j`",
  backupWaiver: "`backupWaiver`",
};

/** docs/registry.md; tables are set by prettier. */
export function reference(): string {
  const root = property.parse(jsonSchema());
  const parts = sections.map((name) => {
    const section = root.definitions?.[name];
    return [`### ${titles[name] ?? name}`, section?.description ?? "", table(section)].join("\n\n");
  });
  return [introduction, "### The file", root.description ?? "", table(root), ...parts, ending].join("\n\n");
}

function table(section: Property | undefined): string {
  const rows = Object.entries(section?.properties ?? {}).map(([key, value]) => {
    const optional = value.default === undefined ? "" : code(value.default);
    const fallback = section?.required?.includes(key) === true ? "required" : optional;
    return [`\`${key}\``, typeOf(value), fallback, value.allowed ?? "", value.description ?? linked(value)];
  });
  const head = ["key", "type", "default", "allowed", "what it is"];
  return [head, head.map(() => "---"), ...rows]
    .map((row) => line(row.map((cell) => cell.replaceAll("|", "\\|"))))
    .join("\n");
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function code(value: unknown): string {
  return Array.isArray(value) ? `\`[${value.join(", ")}]\`` : `\`${String(value)}\``;
}

function linked(value: Property): string {
  const name = refOf(value);
  return name === undefined ? "" : `See [\`${name}\`](#${anchor(name)}).`;
}

function anchor(name: string): string {
  return (titles[name] ?? name)
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, "")
    .replaceAll(" ", "-");
}

function refOf(value: Property): string | undefined {
  return (value.$ref ?? value.allOf?.[0]?.$ref)?.replace("#/definitions/", "");
}

function typeOf(value: Property): string {
  if (refOf(value) !== undefined || value.type === "object") return "map";
  if (value.type === "array") return "list";
  return value.type === "string" ? "text" : String(value.type);
}

const introduction = `<!-- Written by dev/generate.ts from tenants/schema.ts: change it there. -->

# The registry

\`tenants/registry.yaml\` says which tenants there are and what each has. \`npm run up\` makes the stores equal to it.
A tenant is added, changed or removed by a change of this file, reviewed like any other.

\`\`\`yaml
profiles:
  ekn:
    prefix: ekn # the schema ekn_42, the keys ekn:42:*, the objects ekns/42/
    stores: [postgres, redis, storage]
    placement: { postgres: main, redis: main, storage: main }
    postgres: { template: ekn }

tenants:
  42:
    displayName: Knowledge network 42
    externalId: org_123
    owner: networks@example.com
    profile: ekn
    region: eu-central-1
\`\`\`

## How it is read

- **Which value holds.** The tenant's own record comes first, then its profile, then \`defaults\`, then the default of the
  tables below. Maps (\`placement\`, \`variables\`, \`labels\` and the settings of a store) are merged key by key; a list
  replaces the other.
- **Where it stands.** All tenants in \`registry.yaml\`, or some in files of their own: \`registry.d/<id>.yaml\` beside it
  holds the record of the tenant \`<id>\`, without the id. Pull requests that add tenants then do not conflict. A tenant
  in both places is a fault; hidden files are left out; other files in the folder are a fault.
- **Ids.** The key is the id as it is written: \`42\`, \`0123\` and \`1e3\` need no quotes.
- **YAML.** Version 1.2, one document, UTF-8, at most 10 MB a file. Aliases work within a file; tags (\`!!str\`) and merge
  keys (\`<<\`) are refused: profiles and \`defaults\` are there for what tenants share. Each key stands once.

\`npm run -s tenancy -- check\` tells every fault of all files at once, each with file, line, column, what is allowed and
how to mend it, and ends with 1; \`--json\` gives the same to a program. \`preview\` and \`up\` do it first and change nothing
when it fails. Editors with YAML support show faults and descriptions while you type: the first line of the file names
the schema.

## A tenant's life

1. **Add** a record: \`npm run up\` makes its places in the stores.
2. **Suspend** it with \`state: suspended\`: its logins are closed, live connections end, the data stays. \`state: active\`
   opens them again.
3. **Remove** it in two steps. \`state: offboarding\` and \`npm run up\` first; with a \`backupWaiver\`, as there is no verified
   backup in this version yet. Then take the record out and run \`npm run up\` again: this deletes the tenant's data in
   every store. More than \`maxDeletes\` tenants at once are refused, and an id is never used again.

What cannot be changed while the tenant lives: its id, its \`externalId\`, its profile's \`prefix\`, its \`region\`, its
\`tier\`, its pool, and the template with its variables.

## Pools, rings and clones

\`\`\`yaml
pools:
  glyphs: { server: main, template: glyph-foundry } # the schema pool_glyphs

tenants:
  northwind: { …, tier: pool, postgres: { pool: glyphs }, ring: canary }
  acme: { …, profile: knowledge-graph }
  acme-test: { …, profile: knowledge-graph, clone: { of: acme, data: true }, ring: early }
\`\`\`

- **Pool.** A tenant of the tier \`pool\` has no schema: its rows lie in the pool's tables and carry its \`tenant_id\`. That is
  its \`externalId\` where it is a uuid, else a uuid that is computed from it ([why](decisions/pool-tenant-id.md)). The pool
  says server, template and variables; what \`defaults\` say of them gives way, and what stands beside \`postgres.pool\` is a
  fault.
- **Ring.** An update goes ring by ring: \`canary\`, \`early\`, \`all\` ([why](decisions/rings.md)).
- **Clone.** A clone takes template, variables and additional SQL from another tenant, and its schema is built from those
  files. With \`data: true\` the rows are copied when the schema is made ([onboarding](onboarding.md#a-tenant-like-another)).

## Every key

"required" stands where the key itself has to be there. \`region\`, \`stores\`, a server in \`placement\` for each store and, for
PostgreSQL, \`postgres.template\` have no default: the tenant, its profile or \`defaults\` says them. A pool and a clone say
template, and a pool the server, in their place.`;

const ending = `## Labels, ids and names

Labels, ids and external ids are legal as Kubernetes label values. Physical names follow from prefix and id alone:

| store      | name of                        | form                                   | for \`tenant\` and \`acme-corp\`                             |
| ---------- | ------------------------------ | -------------------------------------- | -------------------------------------------------------- |
| PostgreSQL | schema                         | \`<prefix>_<id>\`, each hyphen as \`__\`   | \`tenant_acme__corp\`                                      |
| PostgreSQL | roles                          | schema and \`_owner\`, \`_app\`, \`_ro\`     | \`tenant_acme__corp_app\`                                  |
| PostgreSQL | schema and roles of a pool     | \`pool_<name>\`, and \`_owner\`, \`_app\`, \`_ro\` | \`pool_glyphs\` for the pool \`glyphs\`                      |
| Redis      | user, and begin of every key   | \`<prefix>:<id>\`, \`<prefix>:<id>:\`      | \`tenant:acme-corp\`, \`tenant:acme-corp:\`                  |
| storage    | begin of every object, and user | \`<prefix>s/<id>/\`, \`<prefix>.<id>\`     | \`tenants/acme-corp/\`, \`tenant.acme-corp\`                 |

A schema's name of more than 57 bytes is cut and ends in \`___\` and 12 digits of a SHA-256, so that every role's name
stays within PostgreSQL's 63 bytes. Examples of registries are in \`tenants/examples\`.
`;
