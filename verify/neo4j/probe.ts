/** Attempts on Neo4j: as a tenant's own user on a shared server, or from its own instance against another one's. */
import neo4j from "neo4j-driver";
import { messageOf } from "../../provider/message.ts";
import { unfold } from "../../provider/neo4j/errors.ts";
import { ProbeError, type Residue, type StoreProbe } from "../attempt.ts";
import { type Ask, label, type Neo4jAttempt } from "./attempt.ts";
import { neo4jAttempts } from "./attempts/index.ts";
import { Links, type Login } from "./link.ts";
import { kindOf, loginOf, namesOf, neo4jParty, Neo4jSession, type Self } from "./session.ts";

const page = "docs/neo4j.md#what-stays-visible";
const existence = "session on another database";

const residue: readonly Residue[] = [
  {
    place: existence,
    what: "whether a database of a guessed name exists: the refusal of one that does is another",
    document: page,
  },
];

/** Statements that could name another tenant, and do so for whoever may ask. */
const places: readonly { readonly place: string; readonly text: string; readonly system: boolean }[] = [
  { place: "SHOW DATABASES", text: "SHOW DATABASES", system: true },
  { place: "SHOW CURRENT USER", text: "SHOW CURRENT USER", system: true },
  { place: "SHOW USERS", text: "SHOW USERS", system: true },
  { place: "SHOW USER PRIVILEGES", text: "SHOW USER PRIVILEGES", system: true },
  { place: "SHOW ROLES", text: "SHOW ROLES", system: true },
  { place: "SHOW ALIASES", text: "SHOW ALIASES FOR DATABASE", system: true },
  { place: "SHOW SETTINGS", text: "SHOW SETTINGS", system: true },
  { place: "SHOW TRANSACTIONS", text: "SHOW TRANSACTIONS", system: false },
  { place: "SHOW INDEXES", text: "SHOW INDEXES", system: false },
  { place: "dbms.listConnections", text: "CALL dbms.listConnections()", system: false },
  { place: "dbms.listPools", text: "CALL dbms.listPools()", system: false },
  { place: "dbms.components", text: "CALL dbms.components()", system: false },
  { place: "db.info", text: "CALL db.info()", system: false },
  { place: "db.labels", text: "CALL db.labels()", system: false },
];

const known: ReadonlyMap<string, Neo4jAttempt> = new Map(neo4jAttempts.map((attempt) => [attempt.id, attempt]));

export function neo4jProbe(): StoreProbe {
  const links = new Links();

  /** One statement; its rows as text, or the code of the refusal. */
  async function ask(login: Login, { database, text, params }: Ask): Promise<{ text: string } | { code: string }> {
    const lease = links.lease(login);
    const session = lease.session({ database, defaultAccessMode: neo4j.session.WRITE });
    try {
      const { records } = await session.run(text, params);
      return { text: JSON.stringify(records.map((record): unknown => record.toObject())) };
    } catch (error) {
      const { code } = unfold(error);
      if (code.startsWith("Neo.ClientError.")) return { code };
      throw new ProbeError(`Neo4j at ${login.uri}: ${messageOf(error)}`);
    } finally {
      await session.close().catch(() => undefined);
      await lease.release();
    }
  }

  async function opened(self: Self, database: string): Promise<Neo4jSession> {
    const session = new Neo4jSession(links, self);
    try {
      await session.open(database);
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  return {
    store: "neo4j",
    attempts: neo4jAttempts,
    residue,
    applies: (attempt, victim) =>
      victim.neo4j !== undefined && known.get(attempt.id)?.kinds.includes(kindOf(victim.neo4j)) === true,

    async furnish(canary) {
      const party = neo4jParty(canary);
      const { home, database } = namesOf(party);
      const text = `MERGE (n:${label} {tenant: $tenant}) RETURN 1 AS found`;
      const answer = await ask(loginOf(party), { database: home, text, params: { tenant: database } });
      if ("code" in answer) throw new ProbeError(`tenant ${canary.id}: Neo4j at ${party.uri}: ${answer.code}`);
    },

    open(attacker) {
      const party = neo4jParty(attacker);
      return opened({ login: loginOf(party), tenant: { id: attacker.id, party } }, namesOf(party).home);
    },

    async openAdministrator(victim) {
      const { server } = neo4jParty(victim);
      // An instance has no login but its tenant's.
      if (server.kind !== "server") return undefined;
      const { uri, user, password, ca } = server;
      return opened({ login: { uri, user, password, ca }, tenant: undefined }, "system");
    },

    async visible(attacker, victim) {
      const own = neo4jParty(attacker);
      const theirs = namesOf(neo4jParty(victim));
      const login = loginOf(own);
      const { home } = namesOf(own);
      // Whole names: `ekn-420` does not name `ekn-42`.
      const sought = new RegExp(
        [theirs.database, theirs.role, theirs.username].map((name) => `(?<![\\w-])${name}(?![\\w-])`).join("|"),
      );
      const seen: string[] = [];
      for (const { place, text, system } of places) {
        const answer = await ask(login, { database: system ? "system" : home, text });
        if ("text" in answer && sought.test(answer.text)) seen.push(place);
      }
      const refusals = [];
      for (const database of [theirs.database, `${theirs.database.slice(0, 50)}-tenancyverify`]) {
        refusals.push(await ask(login, { database, text: "RETURN 1 AS found" }));
      }
      const [other, nobodys] = refusals.map((answer) => ("code" in answer ? answer.code : "let in"));
      if (other !== nobodys) seen.push(existence);
      return seen.toSorted();
    },
  };
}
