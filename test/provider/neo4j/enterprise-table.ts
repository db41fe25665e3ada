/**
 * Statements of Neo4j Enterprise as a table: exact texts on the left, on the right what the documentation says that
 * they answer and change. Written out here and not with the builders of the code, so that a change of these fails.
 */
import type { Answer, Call, Failure, Row } from "../../support/bolt-server.ts";
import type { Value } from "../../support/packstream.ts";
import { allowedProcedures, EnterpriseState, type Names, online, publicDefaults } from "./enterprise-state.ts";
import { databaseNotFound, samePassword } from "./failures.ts";

/** Gives rows, a failure, or anything else where the statement answers nothing. */
type Statement = (params: Call["params"]) => unknown;

const text = (value: Value | undefined): string => (typeof value === "string" ? value : "");

/** What a test reads and changes; the table is all that the server knows. */
export class EnterpriseTable extends EnterpriseState {
  readonly #statements = new Map<string, Statement>();

  constructor() {
    super();
    this.#general();
  }

  /** Lets the table know a tenant's statements. */
  know({ database, role, username }: Names): void {
    const [d, r, u] = [`\`${database}\``, `\`${role}\``, `\`${username}\``];
    this.#on(`CREATE DATABASE ${d} IF NOT EXISTS WAIT 60 SECONDS`, () => {
      if (!this.databases.has(database)) this.databases.set(database, online());
    });
    this.#on(`START DATABASE ${d} WAIT 60 SECONDS`, () => this.set(database, "online"));
    this.#on(`STOP DATABASE ${d} WAIT 60 SECONDS`, () => this.set(database, "offline"));
    this.#on(`DROP DATABASE ${d} IF EXISTS DESTROY DATA WAIT 300 SECONDS`, () => {
      this.databases.delete(database);
      for (const held of this.roles.values()) for (const each of held) if (each.includes(d)) held.delete(each);
    });
    this.#on(`CREATE ROLE ${r} IF NOT EXISTS`, () => {
      if (!this.roles.has(role)) this.roles.set(role, new Set());
    });
    this.#on(`DROP ROLE ${r} IF EXISTS`, () => {
      this.roles.delete(role);
      for (const { roles } of this.users.values()) roles.delete(role);
    });
    this.#on(`SHOW ROLE ${r} PRIVILEGES AS REVOKE COMMANDS YIELD command RETURN command`, () => this.revokes(role));
    this.#privilege(role, `ACCESS ON DATABASE ${d}`);
    this.#privilege(role, `WRITE ON GRAPH ${d}`);
    this.#privilege(role, `NAME MANAGEMENT ON DATABASE ${d}`);
    this.#privilege(role, `INDEX MANAGEMENT ON DATABASE ${d}`);
    this.#privilege(role, `CONSTRAINT MANAGEMENT ON DATABASE ${d}`);
    this.#privilege(role, `MATCH {*} ON GRAPH ${d}`, [
      `MATCH {*} ON GRAPH ${d} NODE *`,
      `MATCH {*} ON GRAPH ${d} RELATIONSHIP *`,
    ]);
    this.#privilege(role, "MATCH {*} ON GRAPH * NODE *");
    this.#privilege(role, "ACCESS ON DATABASE *");
    for (const status of ["ACTIVE", "SUSPENDED"]) {
      this.#on(
        `CREATE USER ${u} IF NOT EXISTS SET PASSWORD $password CHANGE NOT REQUIRED SET STATUS ${status} SET HOME DATABASE ${d}`,
        ({ password }) => {
          const suspended = status === "SUSPENDED";
          const made = {
            password: text(password),
            roles: new Set<string>(),
            change: false,
            suspended,
            home: database,
          };
          if (!this.users.has(username)) this.users.set(username, made);
        },
      );
      this.#on(`ALTER USER ${u} SET PASSWORD CHANGE NOT REQUIRED SET STATUS ${status} SET HOME DATABASE ${d}`, () => {
        Object.assign(this.user(username), { change: false, suspended: status === "SUSPENDED", home: database });
      });
    }
    this.#on(`ALTER USER ${u} IF EXISTS SET STATUS SUSPENDED`, () => {
      const user = this.users.get(username);
      if (user !== undefined) user.suspended = true;
    });
    this.#on(`ALTER USER ${u} SET PASSWORD $password CHANGE NOT REQUIRED`, ({ password }) => {
      const user = this.user(username);
      if (user.password === password) return samePassword(username);
      user.password = text(password);
      return undefined;
    });
    this.#on(`DROP USER ${u} IF EXISTS`, () => {
      this.users.delete(username);
    });
    for (const granted of [role, "reader"]) {
      this.#on(`GRANT ROLE \`${granted}\` TO ${u}`, () => {
        this.user(username).roles.add(granted);
      });
      this.#on(`REVOKE ROLE \`${granted}\` FROM ${u}`, () => {
        this.user(username).roles.delete(granted);
      });
    }
    this.#on(`REVOKE ROLE ${r} FROM \`intruder\``, () => {
      this.user("intruder").roles.delete(role);
    });
  }

  answer(call: Call): Answer {
    const { database, params } = call;
    const other = this.instead.get(call.text);
    if (other !== undefined) return other;
    if (call.text === "RETURN 1 AS found") return this.enter(call);
    if (call.text === "MATCH (n) RETURN 1 AS found LIMIT 1") {
      const live = this.databases.get(database);
      if (live === undefined) return { failure: databaseNotFound(database) };
      return { rows: live.nodes > 0 ? [{ found: 1 }] : [] };
    }
    const statement =
      database === "system" ? (this.#statements.get(call.text) ?? this.#markStatement(call.text)) : undefined;
    if (statement === undefined) {
      const message = `not in the table, on ${JSON.stringify(database)}: ${call.text}`;
      return { failure: { code: "Neo.ClientError.Statement.SyntaxError", message, status: "42001" } };
    }
    const result = statement(params);
    if (Array.isArray(result)) return { rows: result as Row[] };
    return isFailure(result) ? { failure: result } : { rows: [] };
  }

  /** Names of roles that carry a mark hold a random token: the one kind of statement that is known by its form. */
  #markStatement(statement: string): Statement | undefined {
    const made = /^CREATE ROLE `(tenancy_mark_\w+)` IF NOT EXISTS$/.exec(statement)?.[1];
    if (made !== undefined) return () => this.roles.set(made, new Set());
    const dropped = /^DROP ROLE `(tenancy_mark_\w+)` IF EXISTS$/.exec(statement)?.[1];
    if (dropped !== undefined) return () => this.roles.delete(dropped);
    const renamed = /^RENAME ROLE `(tenancy_mark_\w+)` IF EXISTS TO `(tenancy_mark_\w+)`$/.exec(statement);
    if (renamed === null) return undefined;
    return () => {
      if (this.roles.delete(renamed[1] ?? "")) this.roles.set(renamed[2] ?? "", new Set());
    };
  }

  #general(): void {
    this.#on(
      "CALL dbms.components() YIELD name, versions, edition WHERE name = 'Neo4j Kernel' RETURN versions[0] AS version, edition",
      () => [{ version: this.version, edition: this.edition }],
    );
    this.#on("SHOW SETTINGS YIELD name, value WHERE name = 'dbms.max_databases' RETURN value", () =>
      this.limit === "" ? [] : [{ value: this.limit }],
    );
    this.#on("SHOW DATABASES YIELD name RETURN collect(DISTINCT name) AS names", () => [
      { names: [...this.databases.keys()] },
    ]);
    this.#on(
      "SHOW DATABASES YIELD name, aliases, requestedStatus, currentStatus, statusMessage WHERE name = $database RETURN aliases, requestedStatus, currentStatus, statusMessage",
      ({ database }) => {
        const live = this.databases.get(text(database));
        if (live === undefined) return [];
        const { aliases, requested, current, message } = live;
        return [{ aliases, requestedStatus: requested, currentStatus: current, statusMessage: message }];
      },
    );
    this.#on(
      "SHOW ROLES WITH USERS YIELD role, member WHERE role = $role OR role STARTS WITH $mark RETURN role, member",
      ({ role: wanted, mark }) =>
        [...this.roles.keys()]
          .filter((role) => role === wanted || role.startsWith(text(mark)))
          .flatMap((role): Row[] => {
            const members = [...this.users].filter(([, { roles }]) => roles.has(role)).map(([name]) => name);
            return members.length === 0 ? [{ role, member: null }] : members.map((member) => ({ role, member }));
          }),
    );
    this.#on(
      "SHOW USERS YIELD user, roles, passwordChangeRequired, suspended, home WHERE user = $username RETURN roles, passwordChangeRequired, suspended, home",
      ({ username }) => {
        const user = this.users.get(text(username));
        if (user === undefined) return [];
        const { roles, change, suspended, home } = user;
        return [{ roles: ["PUBLIC", ...roles], passwordChangeRequired: change, suspended, home }];
      },
    );
    this.#on("SHOW ROLE `PUBLIC` PRIVILEGES AS REVOKE COMMANDS YIELD command RETURN command", () =>
      this.revokes("PUBLIC"),
    );
    this.#on(`GRANT EXECUTE PROCEDURE ${allowedProcedures.join(", ")} ON DBMS TO \`PUBLIC\``, () => {
      for (const name of allowedProcedures) this.held("PUBLIC").add(`EXECUTE PROCEDURE ${name} ON DBMS`);
    });
    this.#privilege("PUBLIC", "EXECUTE PROCEDURE apoc.coll.* ON DBMS");
    for (const each of publicDefaults) this.#privilege("PUBLIC", each);
    this.#on(
      "CALL dbms.listConnections() YIELD connectionId, username WHERE username = $username RETURN connectionId",
      ({ username }) =>
        [...this.connections].filter(([, user]) => user === username).map(([connectionId]) => ({ connectionId })),
    );
    this.#on("CALL dbms.killConnections($ids) YIELD connectionId RETURN connectionId", ({ ids }) => {
      for (const id of Array.isArray(ids) ? ids : []) this.connections.delete(String(id));
    });
  }

  #on(statement: string, answer: Statement): void {
    this.#statements.set(statement, answer);
  }

  #privilege(role: string, granted: string, stored: readonly string[] = [granted]): void {
    this.#on(`GRANT ${granted} TO \`${role}\``, () => {
      for (const each of stored) this.held(role).add(each);
    });
    for (const each of stored) {
      this.#on(`REVOKE GRANT ${each} FROM \`${role}\``, () => {
        this.held(role).delete(each);
      });
    }
  }
}

function isFailure(value: unknown): value is Failure {
  return typeof value === "object" && value !== null && "status" in value;
}
