/** One connection of the tests' Bolt server: https://neo4j.com/docs/bolt/current/bolt/message/ */
import type { Socket } from "node:net";
import type { Answer, BoltServerOptions, Call, Failure, Row } from "./bolt-server.ts";
import { encodeStructure, type Value } from "./packstream.ts";

const requests = {
  hello: 0x01,
  goodbye: 0x02,
  reset: 0x0f,
  run: 0x10,
  begin: 0x11,
  commit: 0x12,
  rollback: 0x13,
  discard: 0x2f,
  pull: 0x3f,
  telemetry: 0x54,
  route: 0x66,
  logon: 0x6a,
  logoff: 0x6b,
} as const;

const responses = { success: 0x70, record: 0x71, ignored: 0x7e, failure: 0x7f } as const;

type Fields = Readonly<Record<string, Value>>;
const asMap = (value: Value | undefined): Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const asText = (value: Value | undefined): string => (typeof value === "string" ? value : "");

export class BoltSession {
  readonly #socket: Socket;
  readonly #options: BoltServerOptions;
  readonly #calls: Call[];
  readonly #logins: string[];
  readonly #port: () => number;
  #user = "";
  #failed = false;
  #transaction: Fields | undefined;
  #rows: readonly Row[] = [];

  constructor(socket: Socket, options: BoltServerOptions, calls: Call[], logins: string[], port: () => number) {
    this.#socket = socket;
    this.#options = options;
    this.#calls = calls;
    this.#logins = logins;
    this.#port = port;
  }

  handle(tag: number, fields: readonly Value[]): void {
    if (tag === requests.goodbye) {
      this.#socket.end();
      return;
    }
    if (tag === requests.reset) {
      this.#failed = false;
      this.#transaction = undefined;
      this.#succeed();
      return;
    }
    if (this.#failed) {
      this.#send(responses.ignored, []);
      return;
    }
    switch (tag) {
      case requests.hello:
        this.#succeed({ server: "Neo4j/2026.08.1", connection_id: "bolt-1", hints: {} });
        return;
      case requests.logon:
        this.#logon(asMap(fields[0]));
        return;
      case requests.run:
        this.#run(asText(fields[0]), asMap(fields[1]), this.#transaction ?? asMap(fields[2]));
        return;
      case requests.begin:
        this.#transaction = asMap(fields[0]);
        this.#succeed();
        return;
      case requests.commit:
        this.#calls.push({
          user: this.#user,
          database: "",
          text: "COMMIT",
          params: {},
          impersonated: "",
          inTransaction: true,
        });
        this.#transaction = undefined;
        this.#succeed();
        return;
      case requests.rollback:
        this.#transaction = undefined;
        this.#succeed();
        return;
      case requests.pull:
        for (const row of this.#rows) this.#send(responses.record, [Object.values(row)]);
        this.#succeed({ type: "r", t_last: 0, db: "system" });
        return;
      case requests.discard:
        this.#succeed({ type: "r", t_last: 0, db: "system" });
        return;
      case requests.route:
        this.#route(asMap(fields[2]));
        return;
      case requests.logoff:
        this.#user = "";
        this.#succeed();
        return;
      case requests.telemetry:
        this.#succeed();
        return;
      default:
        this.#fail({ code: "Neo.ClientError.Request.Invalid", message: `message ${tag}`, status: "08N06" });
    }
  }

  #logon(auth: Fields): void {
    const user = asText(auth.principal);
    this.#logins.push(user);
    const failure = this.#options.login(user, asText(auth.credentials));
    if (failure === undefined) {
      this.#user = user;
      this.#succeed();
      return;
    }
    this.#fail(failure);
    this.#socket.end();
  }

  #run(text: string, params: Fields, extra: Fields): void {
    const call: Call = {
      user: this.#user,
      database: asText(extra.db),
      text,
      params,
      impersonated: asText(extra.imp_user),
      inTransaction: this.#transaction !== undefined,
    };
    this.#calls.push(call);
    const answer = this.#answer(call);
    if ("cut" in answer) {
      this.#socket.destroy();
      return;
    }
    if ("failure" in answer) {
      this.#fail(answer.failure);
      return;
    }
    this.#rows = answer.rows;
    this.#succeed({ t_first: 0, fields: Object.keys(answer.rows[0] ?? {}) });
  }

  /** A mistake of a test's table is told to the client, which else would wait for an answer. */
  #answer(call: Call): Answer {
    try {
      return this.#options.answer(call);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { failure: { code: "Neo.DatabaseError.General.UnknownError", message, status: "50N00" } };
    }
  }

  #route(extra: Fields): void {
    const addresses = [`127.0.0.1:${this.#port()}`];
    const servers = ["ROUTE", "READ", "WRITE"].map((role) => ({ role, addresses }));
    this.#succeed({ rt: { ttl: 300, db: asText(extra.db), servers } });
  }

  #succeed(metadata: Fields = {}): void {
    this.#send(responses.success, [metadata]);
  }

  #fail({ code, message, status, description, cause }: Failure): void {
    this.#failed = true;
    this.#send(responses.failure, [
      {
        neo4j_code: code,
        message,
        gql_status: status,
        description: description ?? message,
        diagnostic_record: {
          _classification: code.split(".")[1] === "ClientError" ? "CLIENT_ERROR" : "DATABASE_ERROR",
        },
        ...(cause === undefined
          ? {}
          : {
              cause: {
                message: cause.message,
                gql_status: cause.status,
                description: cause.message,
                diagnostic_record: {},
              },
            }),
      },
    ]);
  }

  #send(tag: number, fields: readonly Value[]): void {
    const bytes = encodeStructure({ tag, fields });
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += 0xffff) {
      const part = bytes.subarray(at, at + 0xffff);
      const size = Buffer.alloc(2);
      size.writeUInt16BE(part.length);
      chunks.push(size, part);
    }
    this.#socket.write(Buffer.concat([...chunks, Buffer.alloc(2)]));
  }
}
