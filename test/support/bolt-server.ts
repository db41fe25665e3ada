/**
 * A server that speaks Bolt 5.8 over TLS and answers statements from a table: exact texts, no Cypher. What the table
 * does not have is refused, so that a test fails where the code sends something else.
 */
import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:tls";
import { BoltSession } from "./bolt-session.ts";
import { decodeStructure, type Value } from "./packstream.ts";

export type Row = Readonly<Record<string, Value>>;

/** As a real server tells it: code, status and cause go into the driver's error. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly status: string;
  readonly description?: string;
  readonly cause?: { readonly status: string; readonly message: string };
}

export type Answer = { readonly rows: readonly Row[] } | { readonly failure: Failure } | { readonly cut: true };

export interface Call {
  /** Who is logged in. */
  readonly user: string;
  /** Database of the session; "" where the client named none. */
  readonly database: string;
  readonly text: string;
  readonly params: Readonly<Record<string, Value>>;
  /** Whom the session claims to be, "" where nobody. */
  readonly impersonated: string;
  /** Whether it is part of a transaction that the client began. */
  readonly inTransaction: boolean;
}

export interface BoltServerOptions {
  readonly certificate: string;
  readonly key: string;
  /** @default 127.0.0.1 */
  readonly host?: string;
  login(user: string, password: string): Failure | undefined;
  answer(call: Call): Answer;
}

export interface BoltServer {
  readonly port: number;
  /** Every statement so far. */
  readonly calls: Call[];
  /** Logins so far, refused ones too. */
  readonly logins: string[];
  /** Ends every connection, as a restart does. */
  cut(): void;
  close(): Promise<void>;
}

export const unauthorized: Failure = {
  code: "Neo.ClientError.Security.Unauthorized",
  message: "The client is unauthorized due to authentication failure.",
  status: "42NFF",
};

export async function startBoltServer(options: BoltServerOptions): Promise<BoltServer> {
  const sockets = new Set<Socket>();
  const calls: Call[] = [];
  const logins: string[] = [];
  const server = createServer({ cert: options.certificate, key: options.key }, (socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    serve(socket, options, calls, logins, () => (server.address() as AddressInfo).port);
  });
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, options.host ?? "127.0.0.1", resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    calls,
    logins,
    cut,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        cut();
      }),
  };
}

function serve(socket: Socket, options: BoltServerOptions, calls: Call[], logins: string[], port: () => number): void {
  let input = Buffer.alloc(0);
  let message = Buffer.alloc(0);
  let greeted = false;
  const session = new BoltSession(socket, options, calls, logins, port);
  socket.on("data", (data: Buffer) => {
    input = Buffer.concat([input, data]);
    if (!greeted) {
      if (input.length < 20) return;
      greeted = true;
      input = input.subarray(20);
      // Version 5.8, which the driver offers beside the newer way to agree.
      socket.write(Buffer.from([0, 0, 8, 5]));
    }
    while (input.length >= 2 && input.length >= 2 + input.readUInt16BE()) {
      const size = input.readUInt16BE();
      message = Buffer.concat([message, input.subarray(2, 2 + size)]);
      input = input.subarray(2 + size);
      if (size > 0 || message.length === 0) continue;
      const { tag, fields } = decodeStructure(message);
      message = Buffer.alloc(0);
      session.handle(tag, fields);
    }
  });
}
