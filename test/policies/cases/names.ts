import { canary, type Cases, given, roster, unknownText } from "./case.ts";

const tenants = roster({ acme: {}, "acme-corp": {}, "42": { prefix: "ekn" } });
const native = (type: string, name: string, tenant: string, props: object) =>
  given(type, name, { tenant, server: "main", state: "active", ...props }, { protect: true });
const schema = (id: string, base: unknown, more: object = {}) =>
  native("tenancy:postgres:Schema", `${id}-schema`, id, {
    ...{
      schema: base,
      ownerRole: `${String(base)}_owner`,
      appRole: `${String(base)}_app`,
      readOnlyRole: `${String(base)}_ro`,
    },
    ...{ password: canary, readOnlyPassword: canary, ...more },
  });
const user = (id: string, username: unknown, keyPrefix: unknown) =>
  native("tenancy:redis:AclUser", `${id}-acl-user`, id, { username, keyPrefix, password: canary });
const prefix = (id: string, begin: unknown, username: unknown) =>
  native("tenancy:storage:Prefix", `${id}-prefix`, id, { prefix: begin, username, secretAccessKey: canary });
const graph = (id: string, database: unknown, role = `r_${id}`, username = `u_${id}`) =>
  native("tenancy:neo4j:Database", `${id}-graph`, id, {
    database,
    role,
    username,
    password: canary,
  });
const uuid = "3f1c2b7e-52a4-4d0e-9b1f-0c6a1d5e7f42";
/** A tenant's place in the pool `glyphs`, as its id asks. */
const place = (id: string, more: object = {}) =>
  native("tenancy:postgres:PoolTenant", `${id}-pool`, id, {
    ...{ server: "main", externalId: uuid, pool: "glyphs", schema: "pool_glyphs", ownerRole: "pool_glyphs_owner" },
    ...{ poolAppRole: "pool_glyphs_app", poolReadOnlyRole: "pool_glyphs_ro", tenantId: uuid },
    ...{ appRole: `t_${id}_app`, readOnlyRole: `t_${id}_ro`, password: canary, readOnlyPassword: canary },
    ...more,
  });
const database = (id: string, name: unknown, more: object = {}) =>
  native("tenancy:postgres:Database", `${id}-database`, id, { database: name, ...more });
const namespace = (id: string, name: unknown) =>
  given("kubernetes:core/v1:Namespace", `${id}-namespace`, { metadata: { name } }, { tenant: id });

export const names: Cases = {
  "tenancy-schema-name": {
    pass: { resources: [tenants, schema("acme-corp", "t_acme__corp"), schema("42", "ekn_42")], says: [] },
    fail: {
      resources: [tenants, schema("acme", "t_acme", { appRole: "t_acme__corp_app" }), schema("42", "t_42")],
      says: [
        'tenant 42: Schema 42-schema: schema is "t_42" and not "ekn_42", which is this tenant\'s',
        'tenant 42: Schema 42-schema: ownerRole is "t_42_owner" and not "ekn_42_owner", which is this tenant\'s',
        'tenant 42: Schema 42-schema: appRole is "t_42_app" and not "ekn_42_app", which is this tenant\'s',
        'tenant 42: Schema 42-schema: readOnlyRole is "t_42_ro" and not "ekn_42_ro", which is this tenant\'s',
        'tenant acme: Schema acme-schema: appRole is "t_acme__corp_app" and not "t_acme_app", which is this tenant\'s',
      ],
    },
    unknown: {
      resources: [tenants, schema("acme", "t_acme", { readOnlyRole: unknownText })],
      says: [
        "undecided: tenant acme: Schema acme-schema: readOnlyRole is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-pool-tenant-names": {
    pass: {
      resources: [
        tenants,
        // A uuid has no case; what is none has a uuid of version 5.
        place("acme", { externalId: uuid.toUpperCase() }),
        place("globex", { externalId: "org_123", tenantId: "1c6de30d-fa54-571f-b8b3-bd65b934e995" }),
      ],
      says: [],
    },
    fail: {
      resources: [
        tenants,
        place("acme", { appRole: "t_globex_app", tenantId: "8a4e6d19-7c35-4f2b-a6d8-51e0b9c3d743", pool: "other" }),
      ],
      says: [
        'tenant acme: PoolTenant acme-pool: appRole is "t_globex_app" and not "t_acme_app", which is this tenant\'s',
        `tenant acme: PoolTenant acme-pool: tenantId is "8a4e6d19-7c35-4f2b-a6d8-51e0b9c3d743" and not "${uuid}"`,
        'tenant acme: PoolTenant acme-pool: schema is "pool_glyphs" and not "pool_other"',
        'tenant acme: PoolTenant acme-pool: ownerRole is "pool_glyphs_owner" and not "pool_other_owner"',
        'tenant acme: PoolTenant acme-pool: poolAppRole is "pool_glyphs_app" and not "pool_other_app"',
        'tenant acme: PoolTenant acme-pool: poolReadOnlyRole is "pool_glyphs_ro" and not "pool_other_ro"',
      ],
    },
    unknown: {
      resources: [tenants, place("acme", { tenantId: unknownText })],
      says: [
        "undecided: tenant acme: PoolTenant acme-pool: tenantId is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-tier-allowed": {
    pass: { resources: [roster({ acme: { tier: "pool" }, globex: { tier: "silo" } })], says: [] },
    fail: {
      resources: [roster({ acme: { tier: "pool" }, globex: { tier: "silo" } })],
      settings: { tiers: ["bridge", "silo"] },
      says: ['tenant acme: its tier is "pool"; allowed: bridge, silo'],
    },
    unknown: { resources: [roster({ acme: { tier: unknownText } })], settings: { tiers: ["silo"] }, says: [] },
  },
  "tenancy-acl-user-name": {
    pass: { resources: [tenants, user("acme", "t:acme", "t:acme:")], says: [] },
    fail: {
      resources: [tenants, user("acme", "t:acme", "t:acme")],
      says: ['tenant acme: AclUser acme-acl-user: keyPrefix is "t:acme" and not "t:acme:", which is this tenant\'s'],
    },
    unknown: {
      resources: [tenants, user("acme", unknownText, "t:")],
      says: [
        "undecided: tenant acme: AclUser acme-acl-user: username is not known before the update, which checks it again",
        'tenant acme: AclUser acme-acl-user: keyPrefix is "t:" and not "t:acme:", which is this tenant\'s',
      ],
    },
  },
  "tenancy-prefix-name": {
    pass: { resources: [tenants, prefix("42", "ekns/42/", "ekn.42")], says: [] },
    fail: {
      resources: [tenants, prefix("42", "ekns/", "ekn.42")],
      says: ['tenant 42: Prefix 42-prefix: prefix is "ekns/" and not "ekns/42/", which is this tenant\'s'],
    },
    unknown: {
      resources: [roster({}, { tenants: unknownText }), prefix("42", "ekns/", "ekn.42")],
      says: ["undecided: tenant 42: its prefix in the Roster is not known before the update, which checks it again"],
    },
  },
  "tenancy-neo4j-database-name": {
    pass: { resources: [tenants, graph("42", "ekn-42", "ekn_42", "ekn_42_app")], says: [] },
    fail: {
      resources: [tenants, graph("42", "neo4j", "ekn_42", "ekn_42_ro")],
      says: [
        'tenant 42: Database 42-graph: database is "neo4j" and not "ekn-42", which is this tenant\'s',
        'tenant 42: Database 42-graph: username is "ekn_42_ro" and not "ekn_42_app", which is this tenant\'s',
      ],
    },
    unknown: {
      resources: [tenants, graph("42", unknownText, "ekn_42", "ekn_42_app")],
      says: ["undecided: tenant 42: Database 42-graph: database is not known before the update, which checks it again"],
    },
  },
  "tenancy-postgres-database-name": {
    pass: {
      resources: [tenants, database("acme", "t_acme"), database("42", "t_acme", { connection: { host: "own" } })],
      says: [],
    },
    fail: {
      resources: [tenants, database("acme", "t_acme__corp")],
      says: [
        'tenant acme: Database acme-database: database is "t_acme__corp" and not "t_acme", which is this tenant\'s',
      ],
    },
    unknown: {
      resources: [tenants, database("acme", unknownText)],
      says: [
        "undecided: tenant acme: Database acme-database: database is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-namespace-name": {
    pass: { resources: [tenants, namespace("acme", "t-acme")], says: [] },
    fail: {
      resources: [tenants, namespace("acme", "default"), namespace("42", undefined)],
      says: [
        'tenant 42: Namespace 42-namespace: metadata.name is not set and not "ekn-42", which is this tenant\'s',
        'tenant acme: Namespace acme-namespace: metadata.name is "default" and not "t-acme", which is this tenant\'s',
      ],
    },
    unknown: {
      resources: [tenants, namespace("acme", unknownText)],
      says: [
        "undecided: tenant acme: Namespace acme-namespace: metadata.name is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-stack-tenants-share-nothing": {
    pass: {
      resources: [
        schema("acme", "t_acme"),
        schema("acme-corp", "t_acme__corp"),
        user("acme", "t:acme", "t:acme:"),
        user("acme-corp", "t:acme-corp", "t:acme-corp:"),
        prefix("acme", "ts/acme/", "t.acme"),
        prefix("acme2", "ts/acme2/", "t.acme2"),
      ],
      says: [],
    },
    fail: {
      resources: [
        schema("acme", "t_acme"),
        schema("globex", "t_globex", { readOnlyRole: "t_acme_app", appRole: "t_globex_owner" }),
        user("acme", "t:acme", "t:acme:"),
        user("globex", "t:acme", "t:acme:globex:"),
        user("initech", "t:initech", "t:init"),
        prefix("acme", "ts/", "t.acme"),
        prefix("globex", "ts/globex/", "t.globex"),
        graph("acme", "t-acme"),
        graph("globex", "t-acme"),
        place("umbrella"),
        place("initech", { readOnlyRole: "t_umbrella_app" }),
      ],
      says: [
        'tenant globex: appRole and ownerRole are both "t_globex_owner"',
        'tenant globex: readOnlyRole "t_acme_app" is tenant acme\'s, too',
        `tenant umbrella: tenantId "${uuid}" is tenant initech's, too`,
        'tenant umbrella: appRole "t_umbrella_app" is tenant initech\'s, too',
        'tenant globex: username "t:acme" is tenant acme\'s, too',
        'tenant globex: database "t-acme" is tenant acme\'s, too',
        'tenant globex: keyPrefix "t:acme:globex:" lies inside of tenant acme\'s',
        'tenant initech: keyPrefix "t:init" does not end in ":"',
        'tenant globex: prefix "ts/globex/" lies inside of tenant acme\'s',
      ],
    },
    unknown: {
      resources: [schema("acme", "t_acme"), schema("globex", "t_acme", { ownerRole: unknownText })],
      says: [
        'tenant globex: schema "t_acme" is tenant acme\'s, too',
        'tenant globex: appRole "t_acme_app" is tenant acme\'s, too',
        'tenant globex: readOnlyRole "t_acme_ro" is tenant acme\'s, too',
      ],
    },
  },
  "tenancy-stack-tenants-in-roster": {
    pass: { resources: [tenants, schema("acme", "t_acme"), namespace("42", "ekn-42")], says: [] },
    fail: {
      resources: [tenants, schema("globex", "t_globex"), namespace("initech", "t-initech")],
      says: ["tenant initech: the Roster does not know it", "tenant globex: the Roster does not know it"],
    },
    unknown: { resources: [roster({}, { tenants: unknownText }), schema("globex", "t_globex")], says: [] },
  },
};
