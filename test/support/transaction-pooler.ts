/**
 * A connection pooler in transaction mode, as PgBouncer is with `pool_mode = transaction`: a client gets a server
 * connection with its first message and loses it with the server's ReadyForQuery outside of a transaction. Nothing of
 * the connection is reset in between. All server connections have one login; clients need no password.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import pg from "pg";

interface Backend {
  readonly client: pg.Client;
  readonly socket: Socket;
  /** Who has it now. */
  user: Frontend | undefined;
  /** Messages to it whose ReadyForQuery is still to come. */
  waiting: number;
}

interface Frontend {
  readonly socket: Socket;
  backend: Backend | undefined;
  /** What came while it had no backend. */
  held: Buffer[];
}

export interface TransactionPooler {
  readonly port: number;
  /** Texts of every Parse message, and of every name of a statement that is not empty. */
  readonly parsed: { readonly name: string; readonly text: string }[];
  /** How many times a backend went to another client than before. */
  switches(): number;
  close(): Promise<void>;
}

/** Of pg's clients: the socket that is talked through after the login. */
interface Plumbing {
  readonly connection: { readonly stream: Socket; removeAllListeners(): void };
}

/** @param size - server connections */
export async function startTransactionPooler(config: pg.ClientConfig, size: number): Promise<TransactionPooler> {
  const backends: Backend[] = [];
  const queue: Frontend[] = [];
  const frontends = new Set<Frontend>();
  const parsed: { name: string; text: string }[] = [];
  const last = new Map<Backend, Frontend>();
  let switched = 0;

  async function connectBackend(): Promise<void> {
    const client = new pg.Client(config);
    await client.connect();
    const { connection } = client as unknown as Plumbing;
    const { stream } = connection;
    connection.removeAllListeners();
    stream.removeAllListeners("data");
    const backend: Backend = { client, socket: stream, user: undefined, waiting: 0 };
    const read = framed((type, message) => {
      backend.user?.socket.write(message);
      if (type !== "Z") return;
      backend.waiting -= 1;
      // ReadyForQuery: I is outside of a transaction.
      if (backend.waiting === 0 && message.toString("latin1", 5, 6) === "I") free(backend);
    });
    stream.on("data", read);
    stream.on("error", () => undefined);
    stream.on("close", () => {
      const index = backends.indexOf(backend);
      if (index >= 0) backends.splice(index, 1);
      backend.user?.socket.destroy();
    });
    backends.push(backend);
    give();
  }

  function free(backend: Backend): void {
    if (backend.user !== undefined) backend.user.backend = undefined;
    backend.user = undefined;
    give();
  }

  function give(): void {
    for (const backend of backends) {
      if (backend.user !== undefined) continue;
      // Whoever had it last waits for another one, so that state that is left behind meets a stranger.
      const index = queue.findIndex((one) => last.get(backend) !== one);
      const [next] = queue.splice(index < 0 ? 0 : index, 1);
      if (next === undefined) return;
      if (last.has(backend) && last.get(backend) !== next) switched += 1;
      last.set(backend, next);
      backend.user = next;
      next.backend = backend;
      for (const message of next.held.splice(0)) forward(backend, message);
    }
  }

  function forward(backend: Backend, message: Buffer): void {
    const type = message.toString("latin1", 0, 1);
    if (type === "Q" || type === "S") backend.waiting += 1;
    if (type === "P") {
      const [name = "", text = ""] = message.toString("utf8", 5).split("\0");
      parsed.push({ name, text });
    }
    backend.socket.write(message);
  }

  function receive(frontend: Frontend, type: string, message: Buffer): void {
    if (type === "X") {
      frontend.socket.end();
      return;
    }
    if (frontend.backend !== undefined) {
      forward(frontend.backend, message);
      return;
    }
    frontend.held.push(message);
    if (!queue.includes(frontend)) queue.push(frontend);
    give();
  }

  function accept(socket: Socket): void {
    const frontend: Frontend = { socket, backend: undefined, held: [] };
    frontends.add(frontend);
    let begun: Buffer | undefined = Buffer.alloc(0);
    const read = framed((type, message) => {
      receive(frontend, type, message);
    });
    socket.on("data", (chunk: Buffer) => {
      if (begun === undefined) {
        read(chunk);
        return;
      }
      // The startup message has a length and no type.
      begun = Buffer.concat([begun, chunk]);
      if (begun.length < 4 || begun.length < begun.readInt32BE(0)) return;
      const rest = begun.subarray(begun.readInt32BE(0));
      begun = undefined;
      socket.write(greeting);
      read(rest);
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      frontends.delete(frontend);
      const index = queue.indexOf(frontend);
      if (index >= 0) queue.splice(index, 1);
      const { backend } = frontend;
      if (backend === undefined) return;
      // A client that went within a transaction takes its server connection along.
      backend.user = undefined;
      backends.splice(backends.indexOf(backend), 1);
      backend.socket.destroy();
      void connectBackend();
    });
  }

  for (let count = 0; count < size; count += 1) await connectBackend();
  const server = createServer(accept);
  server.listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    parsed,
    switches: () => switched,
    async close() {
      server.close();
      for (const { socket } of frontends) socket.destroy();
      await Promise.all(
        backends.splice(0).map(async ({ socket }) => {
          const closed = once(socket, "close");
          // Terminate
          socket.end(Buffer.from([0x58, 0, 0, 0, 4]));
          await closed;
        }),
      );
    },
  };
}

/** AuthenticationOk, BackendKeyData and ReadyForQuery. */
const greeting = Buffer.concat([
  Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]),
  Buffer.from([0x4b, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 1]),
  Buffer.from([0x5a, 0, 0, 0, 5, 0x49]),
]);

/** Cuts a stream into messages: a type of one byte, and a length that counts itself. */
function framed(each: (type: string, message: Buffer) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 5) {
      const length = 1 + rest.readInt32BE(1);
      if (rest.length < length) return;
      const message = rest.subarray(0, length);
      rest = rest.subarray(length);
      each(message.toString("latin1", 0, 1), message);
    }
  };
}
