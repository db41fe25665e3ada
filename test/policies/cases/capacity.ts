import { canary, type Case, type Cases, type Given, given, provider, roster, unknownText } from "./case.ts";

const times = (count: number, make: (index: number) => Given): Given[] =>
  Array.from({ length: count }, (_, index) => make(index));
const graph = (index: number, server: unknown = "main") =>
  given("tenancy:neo4j:Database", `t${index}-graph`, { tenant: `t${index}`, server, password: canary });
const schema = (index: number, props: object = {}) =>
  given("tenancy:postgres:Schema", `t${index}-schema`, {
    tenant: `t${index}`,
    server: "main",
    connectionLimit: 10,
    readOnlyConnectionLimit: 5,
    template: "ekn",
    password: canary,
    ...props,
  });
const prefix = (index: number, server: unknown = "main") =>
  given("tenancy:storage:Prefix", `t${index}-prefix`, { tenant: `t${index}`, server, secretAccessKey: canary });
const tenants = (count: number, own: object = {}) =>
  roster(Object.fromEntries(times(count, schema).map((_, index) => [`t${index}`, own])));
const one = (type: string) => (index: number) => given(type, `t${index}`, { region: "eu-central-1" });

/** A kind of resource that is counted: 10 are allowed, and 2 of them are elsewhere. */
function counted(type: string, what: string, unknownSays: string): { pass: Case; fail: Case; unknown: Case } {
  const settings = { limit: 10, elsewhere: 2 };
  return {
    pass: { resources: times(5, one(type)), settings, says: [] },
    fail: { resources: times(9, one(type)), settings, says: [`${what}: 11 of 10, 1 too many`] },
    unknown: {
      resources: [...times(5, one(type)), given(type, "next", { region: unknownText })],
      settings: { limit: 5 },
      says: [unknownSays],
    },
  };
}

const amazon = provider({
  storage: { main: { kind: "s3", endpoint: "https://s3.eu-central-1.amazonaws.com", secretAccessKey: canary } },
});
const groupOf = (count: number) =>
  given("aws:elasticache/userGroup:UserGroup", "tenants", { userIds: times(count, schema).map(({ name }) => name) });
const proxyOf = (count: number) =>
  given("aws:rds/proxy:Proxy", "proxy", { auths: times(count, schema).map(({ name }) => ({ secretArn: name })) });

export const capacity: Cases = {
  "tenancy-neo4j-databases-capacity": {
    pass: {
      resources: [
        provider({ neo4j: { own: { kind: "instances" } } }),
        ...times(70, graph),
        ...times(200, (index) => graph(index, "own")),
      ],
      says: [],
    },
    fail: { resources: times(99, graph), says: ["Neo4j server main: databases: 101 of 100, 1 too many"] },
    unknown: {
      resources: [...times(79, graph), graph(80, unknownText)],
      says: ["warning: Neo4j server main: databases: 81 of 100, 81 %"],
    },
  },
  "tenancy-iam-roles-capacity": counted(
    "aws:iam/role:Role",
    "AWS account: IAM roles",
    "AWS account: IAM roles: 6 of 5, 1 too many",
  ),
  "tenancy-access-points-capacity": counted(
    "aws:s3/accessPoint:AccessPoint",
    "AWS region eu-central-1: access points of S3",
    "warning: AWS region eu-central-1: access points of S3: 5 of 5, 100 %",
  ),
  "tenancy-rds-instances-capacity": counted(
    "aws:rds/instance:Instance",
    "AWS region eu-central-1: instances of RDS",
    "warning: AWS region eu-central-1: instances of RDS: 5 of 5, 100 %",
  ),
  "tenancy-elasticache-users-capacity": counted(
    "aws:elasticache/user:User",
    "AWS region eu-central-1: users of ElastiCache",
    "warning: AWS region eu-central-1: users of ElastiCache: 5 of 5, 100 %",
  ),
  "tenancy-memorydb-users-capacity": counted(
    "aws:memorydb/user:User",
    "AWS region eu-central-1: users of MemoryDB",
    "warning: AWS region eu-central-1: users of MemoryDB: 5 of 5, 100 %",
  ),
  "tenancy-iam-users-capacity": {
    pass: {
      resources: [provider({ storage: { main: { endpoint: "https://ceph.example" } } }), ...times(9, prefix)],
      settings: { limit: 5 },
      says: [],
    },
    fail: {
      resources: [amazon, ...times(9, prefix), given("aws:iam/user:User", "platform")],
      settings: { limit: 9 },
      says: ["AWS account: IAM users: 10 of 9, 1 too many"],
    },
    unknown: {
      resources: [amazon, ...times(4, prefix), prefix(5, unknownText)],
      settings: { limit: 5 },
      says: ["warning: AWS account: IAM users: 4 of 5, 80 %"],
    },
  },
  "tenancy-cache-user-group-capacity": {
    pass: { resources: [groupOf(79)], says: [] },
    fail: { resources: [groupOf(101)], says: ["UserGroup tenants: users: 101 of 100, 1 too many"] },
    unknown: {
      resources: [given("aws:memorydb/acl:Acl", "tenants", { userNames: [unknownText, unknownText] })],
      settings: { limit: 1 },
      says: ["Acl tenants: users: 2 of 1, 1 too many"],
    },
  },
  "tenancy-rds-proxy-secrets-capacity": {
    pass: { resources: [proxyOf(159)], says: [] },
    fail: { resources: [proxyOf(201)], says: ["Proxy proxy: secrets: 201 of 200, 1 too many"] },
    unknown: {
      resources: [given("aws:rds/proxy:Proxy", "proxy", { auths: [{ secretArn: unknownText }] })],
      settings: { limit: 1 },
      says: ["warning: Proxy proxy: secrets: 1 of 1, 100 %"],
    },
  },
  "tenancy-postgres-connections-capacity": {
    pass: { resources: times(4, schema), says: [] },
    fail: {
      resources: [...times(7, schema), schema(8, { server: "large" })],
      settings: { servers: { large: 500 } },
      says: ["PostgreSQL server main: connections of all tenants: 105 of 90, 15 too many"],
    },
    unknown: {
      resources: [...times(5, schema), schema(9, { connectionLimit: unknownText, readOnlyConnectionLimit: 0 })],
      says: ["warning: PostgreSQL server main: connections of all tenants: 75 of 90, 83 %"],
    },
  },
  "tenancy-postgres-relations-capacity": {
    pass: { resources: times(10, schema), settings: { limit: 1000, templates: { ekn: 14 } }, says: [] },
    fail: {
      resources: times(10, (index) => schema(index, { additionalFiles: [{ name: "a.sql" }] })),
      settings: { limit: 300 },
      says: ["PostgreSQL server main: relations of all tenants: 310 of 300, 10 too many"],
    },
    unknown: {
      resources: [...times(3, schema), schema(4, { template: unknownText })],
      settings: { limit: 120 },
      says: ["warning: PostgreSQL server main: relations of all tenants: 100 of 120, 83 %"],
    },
  },
  "tenancy-postgres-locks-capacity": {
    pass: { resources: [tenants(2), ...times(2, schema)], says: [] },
    fail: {
      resources: [roster({ t0: {}, t1: {} }, { maxDeletes: 3 }), schema(0), schema(1, { template: "huge" })],
      settings: { templates: { huge: 3000 } },
      says: ["tenant t1: Schema t1-schema: locks of dropping 3 schemas like this at once: 9000 of 6400, 2600 too many"],
    },
    unknown: {
      resources: [roster({}, { maxDeletes: unknownText }), schema(1, { template: "huge" })],
      settings: { templates: { huge: 6400 } },
      says: [
        "warning: tenant t1: Schema t1-schema: locks of dropping 1 schemas like this at once: 6400 of 6400, 100 %",
      ],
    },
  },
  "tenancy-redis-memory-capacity": {
    pass: {
      resources: [tenants(10, { placement: { redis: "main" } })],
      settings: { limitMegabytes: { main: 1024 }, usedMegabytes: { main: 300 } },
      says: [],
    },
    fail: {
      resources: [
        tenants(10, { placement: { redis: "main" } }),
        given("tenancy:redis:AclUser", "t0", { tenant: "t0", server: "main", password: canary }),
      ],
      settings: { limitMegabytes: { main: 100, other: 100 }, usedMegabytes: { other: 85 } },
      says: [
        "Redis server main: megabytes used or planned: 160 of 100, 60 too many",
        "warning: Redis server other: megabytes used or planned: 85 of 100, 85 %",
      ],
    },
    unknown: {
      resources: [
        roster({}, { tenants: unknownText }),
        given("tenancy:redis:AclUser", "t0", { tenant: "t0", server: "main" }),
      ],
      settings: { limitMegabytes: { main: 10 } },
      says: ["Redis server main: megabytes used or planned: 16 of 10, 6 too many"],
    },
  },
  "tenancy-server-tenants-capacity": {
    pass: {
      resources: [
        provider({ postgres: { main: { capacity: 10 } }, redis: { main: {} } }),
        tenants(7, { placement: { postgres: "main", redis: "main" } }),
      ],
      says: [],
    },
    fail: {
      resources: [
        provider({ postgres: { main: { capacity: 10 } }, redis: { main: { capacity: 13 } } }),
        tenants(11, { placement: { postgres: "main", redis: "main" } }),
      ],
      says: [
        "postgres server main: tenants: 11 of 10, 1 too many",
        "warning: redis server main: tenants: 11 of 13, 84 %",
      ],
    },
    unknown: {
      resources: [provider({ postgres: { main: { capacity: 1 } } }), roster({}, { tenants: unknownText })],
      says: ["undecided: the Roster's tenants is not known before the update, which checks it again"],
    },
  },
  "tenancy-stack-tenants-capacity": {
    pass: { resources: [tenants(799)], says: [] },
    fail: { resources: [tenants(1001)], says: ["this stack: tenants: 1001 of 1000, 1 too many"] },
    unknown: {
      resources: [roster({}, { tenants: unknownText })],
      says: ["undecided: the Roster's tenants is not known before the update, which checks it again"],
    },
  },
  "tenancy-namespaces-capacity": {
    pass: { resources: times(5, one("kubernetes:core/v1:Namespace")), settings: { limit: 10, elsewhere: 2 }, says: [] },
    fail: {
      resources: times(9, one("kubernetes:core/v1:Namespace")),
      settings: { limit: 10, elsewhere: 2 },
      says: ["Kubernetes cluster: namespaces: 11 of 10, 1 too many"],
    },
    unknown: {
      resources: [given("kubernetes:core/v1:Namespace", "next", { metadata: unknownText })],
      settings: { limit: 1 },
      says: ["warning: Kubernetes cluster: namespaces: 1 of 1, 100 %"],
    },
  },
};
