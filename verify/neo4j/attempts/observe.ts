/** Learning who else is on the server, and what they do. */
import { codes, define, type Neo4jAttempt, pages, q, type Scene } from "../attempt.ts";

const system = (text: string, params: Readonly<Record<string, string>> = {}) => ({ database: "system", text, params });
const why = {
  names: "The names of the others tell who the customers are, and are the first half of every login.",
  rights: "Privileges show where the next attempt is worth it.",
  live: "Running queries show data: their literals, parameters and plans.",
} as const;

const common = { aim: "observe", control: "administrator" } as const;

export const observeAttempts: readonly Neo4jAttempt[] = [
  define({
    ...common,
    id: "show-databases",
    tries: "find the database of another tenant in SHOW DATABASES",
    kinds: ["server", "instances"],
    control: "victim",
    filtered: true,
    ask: ({ theirs }) =>
      system("SHOW DATABASES YIELD name WHERE name = $victim RETURN name", { victim: theirs.database }),
    prove: ({ theirs }) =>
      system("SHOW DATABASES YIELD name WHERE name = $victim RETURN name", { victim: theirs.home }),
    expected: ["nothing"],
    why: why.names,
    source: pages.databases,
  }),
  define({
    ...common,
    id: "show-users",
    tries: "find the user of another tenant in SHOW USERS",
    filtered: true,
    ask: ({ theirs }) => system("SHOW USERS YIELD user WHERE user = $victim RETURN user", { victim: theirs.username }),
    why: why.names,
    source: pages.users,
  }),
  define({
    ...common,
    id: "show-roles",
    tries: "find the role of another tenant in SHOW ROLES",
    filtered: true,
    ask: ({ theirs }) => system("SHOW ROLES YIELD role WHERE role = $victim RETURN role", { victim: theirs.role }),
    why: why.names,
    source: pages.administration,
  }),
  define({
    ...common,
    id: "show-user-privileges",
    tries: "show the privileges of another tenant's user",
    filtered: true,
    ask: ({ theirs }) =>
      system(`SHOW USER ${q(theirs.username)} PRIVILEGES YIELD access RETURN count(access) AS found`),
    why: why.rights,
    source: pages.privileges,
  }),
  define({
    ...common,
    id: "show-role-privileges",
    tries: "show the privileges of another tenant's role",
    filtered: true,
    ask: ({ theirs }) => system(`SHOW ROLE ${q(theirs.role)} PRIVILEGES YIELD access RETURN count(access) AS found`),
    why: why.rights,
    source: pages.privileges,
  }),
  define({
    ...common,
    id: "show-aliases",
    tries: "list the aliases of databases",
    filtered: true,
    ask: () => system("SHOW ALIASES FOR DATABASE YIELD name RETURN count(name) AS found"),
    why: why.names,
    source: pages.aliases,
  }),
  define({
    ...common,
    id: "show-servers",
    tries: "list the servers of the cluster",
    filtered: true,
    ask: () => system("SHOW SERVERS YIELD name RETURN count(name) AS found"),
    why: "Addresses of the cluster's members are where to knock next.",
    source: pages.administration,
  }),
  define({
    ...common,
    id: "show-settings",
    tries: "read the settings of the server",
    filtered: true,
    ask: () => system("SHOW SETTINGS YIELD name WHERE name = 'server.bolt.listen_address' RETURN name"),
    expected: ["nothing", codes.forbidden],
    why: "Settings name folders, addresses and what is not switched off.",
    source: pages.administration,
  }),
  define({
    ...common,
    id: "show-transactions",
    tries: "find a query of another tenant in SHOW TRANSACTIONS",
    control: "victim",
    filtered: true,
    ask: transactions,
    expected: ["nothing"],
    why: why.live,
    source: pages.queries,
  }),
  define({
    ...common,
    id: "terminate-transactions",
    aim: "destroy",
    tries: "end the queries of another tenant",
    control: "victim",
    harm: "victim",
    filtered: true,
    ask: ({ own, theirs }) => ({
      database: own.home,
      text:
        "SHOW TRANSACTIONS YIELD transactionId AS id, username WHERE username = $victim " +
        "TERMINATE TRANSACTIONS id YIELD message RETURN message",
      params: { victim: theirs.username },
    }),
    // The victim would end the very transaction that asks.
    prove: transactions,
    expected: ["nothing", codes.forbidden],
    why: "A tenant whose queries are ended has an outage.",
    source: pages.queries,
  }),
  ...(
    [
      ["list-connections", "dbms.listConnections() YIELD connectionId", "list connections and their users"],
      ["list-config", "dbms.listConfig('') YIELD name", "read the configuration by a procedure"],
      ["query-jmx", "dbms.queryJmx('*:*') YIELD name", "read the server's figures, which name every database"],
      ["list-pools", "dbms.listPools() YIELD pool", "read the memory pools of all databases"],
    ] as const
  ).map(([id, call, tries]) =>
    define({
      ...common,
      id,
      tries,
      ask: ({ own }: Scene) => ({ database: own.home, text: `CALL ${call} RETURN count(*) AS found` }),
      prove: () => ({ database: "system", text: `CALL ${call} RETURN count(*) AS found` }),
      expected: [codes.forbidden, codes.noProcedure],
      why: why.live,
      source: pages.procedures,
    }),
  ),
  define({
    ...common,
    id: "kill-connections",
    aim: "destroy",
    tries: "end connections",
    // Nobody's: nothing ends.
    ask: ({ own }) => ({ database: own.home, text: "CALL dbms.killConnections(['tenancy-verify']) YIELD message" }),
    prove: () => ({ database: "system", text: "CALL dbms.killConnections(['tenancy-verify']) YIELD message" }),
    why: "A tenant whose connections are ended has an outage.",
    source: pages.execute,
  }),
];

function transactions({ own, theirs }: Scene) {
  return {
    database: own.home,
    text: "SHOW TRANSACTIONS YIELD username WHERE username = $victim RETURN username",
    params: { victim: theirs.username },
  };
}
