/** Faults of Redis servers in words that tell what to do. */
import { ProviderError } from "../handler.ts";

/** A lost or refused connection: the same call may work a moment later. */
export function isTransient(error: Error): boolean {
  const code = "code" in error ? String(error.code) : "";
  return (
    /^(ECONNREFUSED|ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|ENOTFOUND)$/.test(
      code,
    ) ||
    /^(LOADING|BUSY|MASTERDOWN|TRYAGAIN) /.test(error.message) ||
    /Connection is closed|connect ETIMEDOUT|Stream isn't writeable|Command timed out|before secure TLS connection/.test(
      error.message,
    )
  );
}

/** Turns an error of connection or command into one that names node, kind of command and way out. */
export function describe(error: Error, address: string, what: string): ProviderError {
  const code = "code" in error ? String(error.code) : "";
  const where = `Redis node ${address}: ${what} failed`;
  if (error.message.startsWith("WRONGPASS") || error.message.startsWith("NOAUTH")) {
    return new ProviderError(
      `${where}: the server refused the configured login. Correct username and password of this Redis server in the platform's configuration.`,
    );
  }
  if (code === "CERT_HAS_EXPIRED") {
    return new ProviderError(`${where}: the server's certificate has expired. Renew it and run the update again.`);
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return new ProviderError(
      `${where}: the server's certificate is not for this host. Use the host that the certificate names.`,
    );
  }
  if (/CERT|SIGNATURE|SELF_SIGNED|ISSUER/.test(code)) {
    return new ProviderError(
      `${where}: the server's certificate is not signed by a trusted authority (${code}). Set \`ca\` of this Redis server to the authority's PEM text.`,
    );
  }
  if (/SSL|TLS|EPROTO/.test(code)) {
    return new ProviderError(`${where}: no TLS on this port (${code}). Turn TLS on, or correct the port.`);
  }
  if (/^NOPERM|unknown (sub)?command/i.test(error.message)) {
    return new ProviderError(
      `${where}: the server does not permit it. The login needs ACL SETUSER, GETUSER, DELUSER and SAVE, CONFIG, CLIENT KILL and all keys. ` +
        `Amazon ElastiCache and MemoryDB never permit ACL SETUSER: make such users as the AWS resources aws.elasticache.User or aws.memorydb.User.`,
    );
  }
  if (error.message.startsWith("READONLY")) {
    return new ProviderError(`${where}: it is a replica. The first of \`nodes\` must be the primary.`);
  }
  if (isTransient(error)) {
    return new ProviderError(
      `${where}: ${code === "" ? error.message : code}. Start the node or correct its address, then run the update again; what other nodes have is kept.`,
    );
  }
  return new ProviderError(`${where}: ${error.message.slice(0, 300)}`);
}
