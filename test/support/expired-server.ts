/** A TLS server on the loopback interface whose certificate has expired. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { ensureCertificates } from "../../dev/services/certificates.ts";
import { paths } from "../../dev/services/state.ts";

export async function expiredServer(): Promise<{ port: number; caFile: string; close: () => Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), "tenancy-expired-"));
  await ensureCertificates(dir, 0);
  const { serverCertificate, serverKey, caCertificate } = paths(dir);
  const server = createServer({ cert: readFileSync(serverCertificate), key: readFileSync(serverKey) }, (socket) =>
    socket.destroy(),
  );
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    caFile: caCertificate,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          rmSync(dir, { recursive: true, force: true });
          resolve();
        });
      }),
  };
}
