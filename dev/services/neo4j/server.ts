/** One Neo4j Community server: what it is configured with and how it is started. Bolt with TLS on 127.0.0.1 only. */
import { join } from "node:path";
import { privateFolder, writePrivate } from "../files.ts";
import type { GuardedCommand } from "../guard.ts";
import { plainEnvironment } from "../service.ts";
import { paths } from "../state.ts";
import type { Java } from "./java.ts";

export interface Neo4jPrograms {
  readonly java: Java;
  readonly jars: readonly string[];
}

export interface ServerPlace {
  /** Folder of the services, which has the certificates. */
  readonly dir: string;
  /** Folder of this server alone. */
  readonly home: string;
  readonly port: number;
}

/** Its databases are closed within a second; SIGKILL would only cost a recovery at the next start. */
const graceSeconds = 10;

/** Writes the server's configuration and the options of its Java. Can be run again. */
export async function writeConfiguration({ dir, home, port }: ServerPlace, programs: Neo4jPrograms): Promise<void> {
  // `certificates` has to be there and stays empty: no client is asked for a certificate.
  for (const name of ["", "conf", "tmp", "certificates"]) await privateFolder(join(home, name));
  const at = paths(dir);
  const settings: Record<string, string | number> = {
    "server.bolt.listen_address": `127.0.0.1:${port}`,
    "server.bolt.advertised_address": `127.0.0.1:${port}`,
    "server.bolt.tls_level": "REQUIRED",
    "server.http.enabled": "false",
    "server.https.enabled": "false",
    "server.fleet_discovery.enabled": "false",
    "dbms.ssl.policy.bolt.enabled": "true",
    "dbms.ssl.policy.bolt.client_auth": "NONE",
    "dbms.ssl.policy.bolt.base_directory": join(home, "certificates"),
    "dbms.ssl.policy.bolt.private_key": at.serverKey,
    "dbms.ssl.policy.bolt.public_certificate": at.serverCertificate,
    "dbms.ssl.policy.bolt.tls_versions": "TLSv1.2,TLSv1.3",
    "dbms.usage_report.enabled": "false",
    // A tenant is the administrator of its server: statements may not read this machine's files or call other servers.
    "dbms.security.allow_csv_import_from_file_urls": "false",
    "internal.dbms.cypher_ip_blocklist": "0.0.0.0/0,::/0",
    "server.memory.pagecache.size": "16m",
    "db.tx_log.preallocate": "false",
    "db.tx_log.rotation.size": "16m",
    "db.tx_log.rotation.retention_policy": "keep_none",
    // The listener waits that long for stragglers, twice, after all databases are closed.
    "internal.dbms.bolt.netty_server_shutdown_quiet_period_duration": "0s",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  await writePrivate(join(home, "conf", "neo4j.conf"), lines.join(""));
  await writePrivate(join(home, "conf", "java"), javaOptions(home, programs).map(quoted).join("\n"));
}

/** Starts the server. What an instance needs is in files of its folder: nothing of a tenant is in its arguments. */
export function serverCommand(home: string, { java }: Neo4jPrograms): GuardedCommand {
  const main = ["org.neo4j.server.Neo4jCommunity", `--home-dir=${home}`, `--config-dir=${join(home, "conf")}`];
  return {
    argv: [java.path, `@${join(home, "conf", "java")}`, ...main],
    cwd: home,
    env: environment(home),
    graceSeconds,
  };
}

/**
 * Sets the password that the server begins with. It stands in a file, because arguments are visible to every user:
 * https://picocli.info/#AtFiles
 */
export function passwordCommand(home: string, { java }: Neo4jPrograms, argumentsFile: string): GuardedCommand {
  const main = ["org.neo4j.cli.AdminTool", `@${argumentsFile}`];
  return { argv: [java.path, `@${join(home, "conf", "java")}`, ...main], cwd: home, env: environment(home) };
}

function environment(home: string): Record<string, string | undefined> {
  return { ...plainEnvironment(), NEO4J_HOME: home, NEO4J_CONF: join(home, "conf"), HOME: home };
}

function javaOptions(home: string, { java, jars }: Neo4jPrograms): string[] {
  return [
    "-Xms32m",
    "-Xmx512m",
    // For a server that lives minutes and has little to do: less to start and less memory.
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dlog4j2.disable.jmx=true",
    "-Djava.net.preferIPv4Stack=true",
    `-Djava.io.tmpdir=${join(home, "tmp")}`,
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
    ...(java.major >= 23 ? ["--sun-misc-unsafe-memory-access=allow"] : []),
    "-cp",
    jars.join(":"),
  ];
}

/** https://docs.oracle.com/en/java/javase/25/docs/specs/man/java.html#java-command-line-argument-files */
function quoted(option: string): string {
  return `"${option.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
