/** PostgreSQL with pgvector: TLS only, SCRAM passwords, 127.0.0.1 only. */
import { randomBytes } from "node:crypto";
import { chmod, chown, copyFile, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { errorCode, isMissing, privateFolder, writePrivate } from "./files.ts";
import { runGuarded } from "./guard.ts";
import { ServicesError } from "./error.ts";
import { openTo } from "./run-as.ts";
import { checkTimeoutMs, plainEnvironment, verifiesCertificate, type Context, type Service } from "./service.ts";
import { paths, type State } from "./state.ts";

/** The superuser of the embedded server. */
export const postgresAdmin = "postgres";

// A line for plaintext is left out on purpose: what no line matches is refused.
const hba = "hostssl all all 127.0.0.1/32 scram-sha-256\n";

export const postgres: Service = {
  name: "postgres",
  title: "PostgreSQL",
  ports: ["postgres"],

  async prepare(context, signal) {
    const { dir, state } = context;
    const data = paths(dir).data("postgres");
    await privateFolder(join(dir, "data"));
    const runAs = { prefix: state.programs.postgresPrefix, owner: state.programs.postgresOwner };
    await openTo(runAs, dir);
    await openTo(runAs, join(dir, "data"));
    if (!(await exists(join(data, "PG_VERSION")))) await initialise(context, data, signal);
    await install(paths(dir).serverCertificate, join(data, "server.pem"), state);
    await install(paths(dir).serverKey, join(data, "server-key.pem"), state);
    await writePrivate(join(data, "pg_hba.conf"), hba);
    await own(join(data, "pg_hba.conf"), state);
  },

  command({ dir, state }) {
    const data = paths(dir).data("postgres");
    const settings: Record<string, string | number> = {
      listen_addresses: "127.0.0.1",
      port: state.ports.postgres,
      // A unix socket would be a way in without TLS.
      unix_socket_directories: "",
      ssl: "on",
      ssl_min_protocol_version: "TLSv1.2",
      ssl_cert_file: "server.pem",
      ssl_key_file: "server-key.pem",
      password_encryption: "scram-sha-256",
      max_connections: 200,
      log_timezone: "UTC",
      timezone: "UTC",
      // Statements of failing clients may hold passwords: https://www.postgresql.org/docs/18/runtime-config-logging.html
      log_min_error_statement: "panic",
      ...(state.durable ? {} : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    return {
      argv: [
        ...state.programs.postgresPrefix,
        join(state.programs.postgres, "bin", "postgres"),
        "-D",
        data,
        ...options,
      ],
      cwd: "/",
      env: environment(state),
      // Fast shutdown: does not wait for clients to leave.
      stopSignal: "INT",
    };
  },

  check: (context) =>
    asAdmin(context, async (client) => {
      await client.query("SELECT 1");
    }),
};

async function asAdmin({ state, ca }: Context, use: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({
    host: "127.0.0.1",
    port: state.ports.postgres,
    user: postgresAdmin,
    password: state.secrets.postgresAdmin,
    database: "postgres",
    ssl: { ca, rejectUnauthorized: verifiesCertificate(state) },
    connectionTimeoutMillis: checkTimeoutMs,
    query_timeout: checkTimeoutMs,
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** A database of another embedded server, and the login that owns it, both named `name`. No other login may connect. */
export async function ensureDatabase(context: Context, name: "seaweedfs", password: string): Promise<void> {
  await asAdmin(context, async (client) => {
    const role = await client.query("SELECT FROM pg_roles WHERE rolname = $1", [name]);
    if (role.rowCount === 0) await client.query(`CREATE ROLE ${name} NOINHERIT LOGIN`);
    await client.query(`ALTER ROLE ${name} PASSWORD ${client.escapeLiteral(password)}`);
    const database = await client.query("SELECT FROM pg_database WHERE datname = $1", [name]);
    if (database.rowCount === 0) await client.query(`CREATE DATABASE ${name} OWNER ${name}`);
    await client.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
  });
}

function environment(state: State): Record<string, string | undefined> {
  return { ...plainEnvironment(), LD_LIBRARY_PATH: join(state.programs.postgres, "lib") };
}

async function initialise({ dir, state }: Context, data: string, signal?: AbortSignal): Promise<void> {
  for (const entry of await readdir(join(dir, "data"))) {
    if (entry.startsWith("postgres.")) await rm(join(dir, "data", entry), { recursive: true, force: true });
  }
  const fresh = `${data}.${randomBytes(4).toString("hex")}.new`;
  const passwordFile = `${data}.password`;
  await mkdir(fresh, { mode: 0o700 });
  await own(fresh, state);
  await writePrivate(passwordFile, `${state.secrets.postgresAdmin}\n`);
  await own(passwordFile, state);
  try {
    const { code, output } = await runGuarded(
      {
        argv: [
          ...state.programs.postgresPrefix,
          join(state.programs.postgres, "bin", "initdb"),
          ...["--pgdata", fresh, "--username", postgresAdmin, "--pwfile", passwordFile, "--auth", "scram-sha-256"],
          // The built-in locale is the same on every machine.
          ...["--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"],
          ...(state.durable ? [] : ["--no-sync"]),
        ],
        cwd: "/",
        env: environment(state),
      },
      signal,
    );
    if (code !== 0) {
      throw new ServicesError(
        `PostgreSQL: initdb failed (exit code ${code}).\n${output.trim().split("\n").slice(-15).join("\n")}`,
      );
    }
    await rename(fresh, data);
  } finally {
    await rm(passwordFile, { force: true });
    await rm(fresh, { recursive: true, force: true });
  }
}

async function install(from: string, to: string, state: State): Promise<void> {
  await rm(to, { force: true });
  await copyFile(from, to);
  await chmod(to, 0o600);
  await own(to, state);
}

async function own(path: string, { programs: { postgresOwner } }: State): Promise<void> {
  if (postgresOwner !== undefined) await chown(path, postgresOwner.uid, postgresOwner.gid);
}

async function exists(path: string): Promise<boolean> {
  try {
    await readdir(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    return errorCode(error) === "ENOTDIR";
  }
}
