/** What each embedded server has to offer to those who start, watch and ask it. */
import type { GuardedCommand } from "./guard.ts";
import type { PortName, ServiceName, State } from "./state.ts";

export interface Context {
  /** Absolute path of the services' folder. */
  readonly dir: string;
  readonly state: State;
  /** Certificate authority of the services, PEM. */
  readonly ca: string;
}

export interface Service {
  readonly name: ServiceName;
  /** As a person reads it, as in "Valkey, node 2". */
  readonly title: string;
  readonly ports: readonly PortName[];
  /** Makes data folders and configuration. Can be run again, also after a crash in the middle. */
  prepare(context: Context, signal?: AbortSignal): Promise<void>;
  /** Waits for what the server needs of those before it in the list. Can be run again. */
  before?(context: Context, signal: AbortSignal): Promise<void>;
  command(context: Pick<Context, "dir" | "state">): GuardedCommand;
  /** Removes what the server leaves outside of the services' folder. */
  clean?(context: Pick<Context, "state">): Promise<void>;
  /** A TLS port in front of a unix socket (path relative to the services' folder). */
  readonly proxy?: { readonly port: PortName; readonly socket: string };
  /** Speaks the real protocol with the server, over TLS and with the password. Throws when it gets no good answer. */
  check(context: Context): Promise<void>;
  /** What has to be there before the first client comes. */
  finish?(context: Context): Promise<void>;
}

/** Longest time that one health check waits for an answer, in milliseconds. */
export const checkTimeoutMs = 3_000;

/** An expired certificate that a test asked for must not hide whether the server itself answers. */
export function verifiesCertificate(state: State): boolean {
  return state.certificateDays === undefined || state.certificateDays > 0;
}

/** The caller's environment without what would change how a server behaves. */
export function plainEnvironment(): Record<string, string | undefined> {
  const kept = ["PATH", "TMPDIR", "TZ"];
  return { ...Object.fromEntries(kept.map((name) => [name, process.env[name]])), LC_ALL: "C" };
}
