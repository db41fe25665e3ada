/** Ways around the server's doors: other logins, other identities, files, URLs and connections without TLS. */
import { codes, define, type Neo4jAttempt, pages, type Scene } from "../attempt.ts";

const both = ["server", "instances"] as const;
const enter = ({ theirs }: Scene) => ({ database: theirs.home, text: "RETURN 1 AS found" });
const csv = (from: string) => `LOAD CSV FROM '${from}' AS line RETURN count(line) AS found`;
/** Three of them lock a login for some seconds: a real tenant must not feel that. */
const guess = { harm: "victim", expected: [codes.unauthorized, codes.rateLimit] } as const;
const why = {
  files: "The server reads files that the tenant does not have.",
  urls: "The server reaches what the tenant does not: other services, and a cloud's credentials.",
  apoc: "APOC's procedures read files and URLs, and run as the server does.",
} as const;

/** A failed load shows that the server tried; unless it names the setting that forbids it. */
const tried = /^Neo\.ClientError\.Statement\.ExternalResourceFailed(?!.*(allow_csv_import_from_file_urls|blocked))/s;
/** Nobody may load where the setting forbids it, or has the procedure where APOC is not installed. */
const nobody = new RegExp(
  `^(${codes.external}|${codes.noProcedure}|Neo\\.ClientError\\.Procedure\\.ProcedureCallFailed)`,
);

export const doorAttempts: readonly Neo4jAttempt[] = [
  define({
    id: "victim-with-own-password",
    ...guess,
    aim: "escape",
    tries: "log in as another tenant with its own password",
    kinds: both,
    door: "own password",
    ask: enter,
    how: "log in at victim's address as victim_app with the password of attacker",
    why: "Passwords that are derived or shared open every tenant with one.",
    source: pages.users,
  }),
  define({
    id: "victim-with-default-password",
    ...guess,
    aim: "escape",
    tries: "log in at another tenant's instance with the password of a new server",
    kinds: ["instances"],
    door: "default password",
    ask: enter,
    how: "log in at victim's address as neo4j with the password neo4j",
    why: "Every new server has it until somebody changes it.",
    source: pages.login,
  }),
  define({
    id: "anonymous",
    aim: "escape",
    tries: "get in without a login",
    kinds: both,
    door: "anonymous",
    ask: enter,
    how: "connect to victim's address without a login",
    expected: [codes.unauthorized],
    why: "With `dbms.security.auth_enabled=false` a server asks nobody.",
    source: pages.login,
  }),
  define({
    id: "plain-text",
    aim: "observe",
    tries: "speak to the server without TLS",
    kinds: both,
    door: "plain",
    ask: enter,
    how: "begin Bolt on victim's address without TLS",
    expected: ["connection closed"],
    why: "Passwords and data could be read on the way.",
    source: pages.tls,
  }),
  define({
    id: "impersonate",
    aim: "escape",
    tries: "work as another tenant's user by impersonation",
    ask: ({ theirs }) => ({ ...enter({ own: theirs, theirs }), impersonated: theirs.username }),
    control: "administrator",
    why: "A session that claims to be somebody has all that this one may.",
    source: pages.impersonate,
  }),
  define({
    id: "load-csv-file",
    aim: "read",
    tries: "have the server read a file",
    ask: ({ own }) => ({ database: own.home, text: csv("file:///tenancy-verify-nothing.csv") }),
    prove: () => ({ database: "neo4j", text: csv("file:///tenancy-verify-nothing.csv") }),
    expected: [codes.forbidden, codes.external],
    control: "administrator",
    behind: tried,
    proof: nobody,
    why: why.files,
    source: pages.load,
  }),
  define({
    id: "load-csv-http",
    aim: "escape",
    tries: "have the server open a URL",
    // Port 9 discards: nothing hears it.
    ask: ({ own }) => ({ database: own.home, text: csv("http://127.0.0.1:9/tenancy-verify.csv") }),
    prove: () => ({ database: "neo4j", text: csv("http://127.0.0.1:9/tenancy-verify.csv") }),
    expected: [codes.forbidden, codes.external],
    control: "administrator",
    behind: tried,
    proof: nobody,
    why: why.urls,
    source: pages.load,
  }),
  define({
    id: "load-csv-neighbour",
    aim: "read",
    tries: "read a file of another tenant's instance",
    kinds: ["instances"],
    ask: ({ own, theirs }) => ({ database: own.home, text: csv(`file:///../../${theirs.database}/conf/neo4j.conf`) }),
    prove: ({ theirs }) => ({ database: theirs.home, text: csv("file:///tenancy-verify-nothing.csv") }),
    expected: [codes.external],
    // Everybody administers the own instance: what it may read is a matter of its settings.
    proof: nobody,
    why: "Instances of one machine are kept apart by nothing but their settings and the file system.",
    source: pages.csv,
  }),
  ...(
    [
      ["apoc-load", "apoc.load.json('http://127.0.0.1:9/') YIELD value", "open a URL by APOC", why.urls],
      ["apoc-files", "apoc.load.directory('*', '/') YIELD value", "list files of the server by APOC", why.files],
      ["apoc-config", "apoc.config.list() YIELD key", "read the configuration by APOC", why.apoc],
      ["apoc-system", "apoc.systemdb.graph() YIELD nodes", "read the database `system` by APOC", why.apoc],
    ] as const
  ).map(([id, call, tries, reason]) =>
    define({
      id,
      aim: "escape",
      tries,
      ask: ({ own }: Scene) => ({ database: own.home, text: `CALL ${call} RETURN count(*) AS found` }),
      prove: () => ({ database: "neo4j", text: `CALL ${call} RETURN count(*) AS found` }),
      expected: [codes.forbidden, codes.noProcedure],
      control: "administrator",
      behind: /ProcedureCallFailed/,
      proof: nobody,
      why: reason,
      source: pages.apoc,
    }),
  ),
];
