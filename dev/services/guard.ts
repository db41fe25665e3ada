/**
 * Every program runs under a guard: a shell that ends it when the guard's standard input closes. That pipe is held by
 * the process that started the program, so the program ends with it, also when that one is killed by SIGKILL.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";

// Arguments: signal, tenths of a second until SIGKILL, command. Descriptor 3 takes the id of the command's process.
// Only builtins wait on the pipe, so that the guard leaves no process of its own behind.
const script = `
signal=$1 tenths=$2
shift 2
exec 4<&0
"$@" </dev/null 3>&- 4<&- &
child=$!
echo "$child" >&3
exec 3>&-
(
  trap 'exit 0' TERM
  while read -r line <&4; do :; done
  kill -s "$signal" "$child" 2>/dev/null
  while [ "$tenths" -gt 0 ] && kill -0 "$child" 2>/dev/null; do
    sleep 0.1
    tenths=$((tenths - 1))
  done
  kill -s KILL "$child" 2>/dev/null
) >/dev/null 2>&1 &
watcher=$!
exec 4<&-
wait "$child"
code=$?
kill -s TERM "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
exit "$code"
`;

export interface GuardedCommand {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** @default "TERM" */
  readonly stopSignal?: "TERM" | "INT";
  /** Time from the stop signal to SIGKILL, in seconds. @default 7 */
  readonly graceSeconds?: number;
}

export interface Guarded {
  readonly guard: ChildProcess;
  /** Id of the command's own process. */
  readonly pid: Promise<number>;
  /** Exit code; 128 + n after signal n. Settles when guard and command have ended. */
  readonly exit: Promise<number>;
  /** Closes the pipe; `exit` tells when the command has ended. */
  stop(): void;
}

/** Starts a command under a guard, its output going to `output` (a file descriptor) or to the guard's pipes. */
export function spawnGuarded(command: GuardedCommand, output: number | "pipe"): Guarded {
  const grace = Math.round((command.graceSeconds ?? 7) * 10);
  const guard = spawn(
    "/bin/sh",
    ["-c", script, "guard", command.stopSignal ?? "TERM", String(grace), ...dieWithParent(), ...command.argv],
    // Its own process group: Ctrl-C in a terminal reaches the launcher only, which then stops things in order.
    { cwd: command.cwd, env: { ...command.env }, detached: true, stdio: ["pipe", output, output, "pipe"] },
  );
  const exit = new Promise<number>((resolve) => {
    guard.once("error", () => {
      resolve(127);
    });
    guard.once("exit", (code, signal) => {
      // A guard that was itself killed cannot end its command any more: its group can be.
      if (signal !== null) killGroup(guard.pid);
      resolve(code ?? 128);
    });
  });
  const pid = new Promise<number>((resolve, reject) => {
    let text = "";
    const channel = guard.stdio[3];
    channel?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.endsWith("\n")) resolve(Number(text));
    });
    void exit.then(() => {
      reject(new Error(`the guard of ${command.argv[0] ?? "a command"} ended at once`));
    });
  });
  pid.catch(() => undefined);
  // The command may end first; then writing or closing the pipe fails, and `exit` has told.
  guard.stdin?.on("error", () => undefined);
  return { guard, pid, exit, stop: () => guard.stdin?.destroy() };
}

/** Runs a command under a guard to its end. */
export async function runGuarded(
  command: GuardedCommand,
  signal?: AbortSignal,
): Promise<{ readonly code: number; readonly output: string }> {
  signal?.throwIfAborted();
  const guarded = spawnGuarded(command, "pipe");
  const abort = (): void => {
    guarded.stop();
  };
  signal?.addEventListener("abort", abort);
  let output = "";
  const collect = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-64_000);
  };
  guarded.guard.stdout?.on("data", collect);
  guarded.guard.stderr?.on("data", collect);
  const code = await guarded.exit;
  signal?.removeEventListener("abort", abort);
  signal?.throwIfAborted();
  return { code, output };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The whole group has ended.
  }
}

let parentSignal: readonly string[] | undefined;

/** On Linux also the kernel ends the command with its guard, for the case that both guard and launcher are killed. */
function dieWithParent(): readonly string[] {
  if (process.platform !== "linux") return [];
  parentSignal ??=
    spawnSync("setpriv", ["--pdeathsig", "TERM", "true"], { stdio: "ignore" }).status === 0
      ? ["setpriv", "--pdeathsig", "TERM"]
      : [];
  return parentSignal;
}
