/** TLS in front of a server that has none of its own: a port on 127.0.0.1 that leads to a unix socket. */
import { connect } from "node:net";
import { createServer, type Server } from "node:tls";

export interface TlsProxyOptions {
  readonly port: number;
  /** Path of the server's unix socket. */
  readonly socket: string;
  readonly certificate: string;
  readonly key: string;
}

/** Resolves when the port is open. Each side's end ends the other, so that a killed client connection is seen. */
export async function startTlsProxy(options: TlsProxyOptions): Promise<Server> {
  const server = createServer({ cert: options.certificate, key: options.key, minVersion: "TLSv1.2" }, (client) => {
    const upstream = connect({ path: options.socket });
    client.setNoDelay(true);
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
    client.on("close", () => {
      upstream.destroy();
    });
    upstream.on("close", () => {
      client.destroySoon();
    });
    client.pipe(upstream);
    upstream.pipe(client);
  });
  // A client without TLS or with a distrust of the certificate: its own fault to report.
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port: options.port, exclusive: true }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return server;
}
