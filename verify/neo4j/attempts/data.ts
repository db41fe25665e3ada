/** Getting at the graph of another tenant. */
import { codes, define, label, type Neo4jAttempt, pages, q, type Scene } from "../attempt.ts";

const count = "MATCH (n) RETURN count(n) AS found";
const absent = [codes.forbidden, codes.noDatabase, codes.noGraph] as const;
const both = ["server", "instances"] as const;
const why = {
  read: "A graph holds what a tenant knows; one clause in front of a query is all that it takes.",
  write: "What is written into another graph is taken for that tenant's own.",
  shared: "A database that every login reaches is a place where tenants meet.",
} as const;

export const dataAttempts: readonly Neo4jAttempt[] = [
  define({
    id: "use-database",
    aim: "read",
    tries: "read the database of another tenant by USE",
    kinds: both,
    ask: ({ own, theirs }) => ({ database: own.home, text: `USE ${q(theirs.database)} ${count}` }),
    prove: ({ theirs }) => ({ database: theirs.home, text: `USE ${q(theirs.home)} ${count}` }),
    expected: absent,
    why: why.read,
    source: pages.use,
  }),
  define({
    id: "session-database",
    aim: "read",
    tries: "open a session on the database of another tenant",
    kinds: both,
    ask: ({ theirs }) => ({ database: theirs.database, text: count }),
    prove: ({ theirs }) => ({ database: theirs.home, text: count }),
    expected: absent,
    why: "The database of a session is a name that the client sends.",
    source: pages.databases,
  }),
  define({
    id: "planted-node",
    aim: "read",
    tries: "find a node of another tenant in its own database",
    kinds: both,
    // Only a canary has the node: a real tenant's control would find none.
    harm: "victim",
    filtered: true,
    ask: ({ own, theirs }) => ({
      database: own.home,
      text: `MATCH (n:${label} {tenant: $victim}) RETURN 1 AS found LIMIT 1`,
      params: { victim: theirs.database },
    }),
    prove: ({ theirs }) => ({
      database: theirs.home,
      text: `MATCH (n:${label} {tenant: $victim}) RETURN 1 AS found LIMIT 1`,
      params: { victim: theirs.database },
    }),
    expected: ["nothing"],
    why: "Two addresses that lead to one process give two tenants one graph.",
    source: pages.databases,
  }),
  define({
    id: "default-database",
    aim: "read",
    tries: "read the default database `neo4j`",
    ask: () => ({ database: "neo4j", text: count }),
    expected: absent,
    control: "administrator",
    why: why.shared,
    source: pages.databases,
  }),
  define({
    id: "default-database-write",
    aim: "write",
    tries: "write into the default database `neo4j`",
    harm: "server",
    ask: () => ({ database: "neo4j", text: `CREATE (:${label})` }),
    expected: absent,
    control: "administrator",
    why: why.shared,
    source: pages.databases,
  }),
  define({
    id: "use-write",
    aim: "write",
    tries: "write into the database of another tenant by USE",
    kinds: both,
    harm: "victim",
    ask: ({ own, theirs }) => ({
      database: own.home,
      text: `USE ${q(theirs.database)} CREATE (:${label} {planted: true})`,
    }),
    prove: ({ theirs }) => ({
      database: theirs.home,
      text: `USE ${q(theirs.home)} CREATE (:${label} {planted: true})`,
    }),
    expected: absent,
    why: why.write,
    source: pages.use,
  }),
  ...(
    [
      ["session-write", "write", "write into the database of another tenant", `CREATE (:${label} {planted: true})`],
      ["session-set", "write", "change a node of another tenant", `MATCH (n:${label}) SET n.changed = true`],
      ["session-delete", "destroy", "delete nodes of another tenant", `MATCH (n:${label} {gone: 1}) DETACH DELETE n`],
      [
        "session-index",
        "exhaust",
        "make an index in the database of another tenant",
        `CREATE INDEX tenancy_verify IF NOT EXISTS FOR (n:${label}) ON (n.tenant)`,
      ],
      [
        "session-constraint",
        "destroy",
        "make a constraint in the database of another tenant, which refuses its writes",
        `CREATE CONSTRAINT tenancy_verify_key IF NOT EXISTS FOR (n:${label}Key) REQUIRE n.key IS UNIQUE`,
      ],
    ] as const
  ).map(([id, aim, tries, text]) =>
    define({
      id,
      aim,
      tries,
      harm: "victim",
      ask: ({ theirs }: Scene) => ({ database: theirs.database, text }),
      expected: absent,
      why: why.write,
      source: pages.databases,
    }),
  ),
];
