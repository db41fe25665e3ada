/** The provider's line to its engine: messages beside a resource, and the knowledge whether the engine still lives. */
import * as grpc from "@grpc/grpc-js";
import engineGrpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engineProto from "@pulumi/pulumi/proto/engine_pb.js";

const { LogSeverity } = engineProto;
type Severity = "info" | "warning" | "error";
const severities = { info: LogSeverity.INFO, warning: LogSeverity.WARNING, error: LogSeverity.ERROR };

/** How often the connection to the engine is looked at. */
const watchIntervalMs = 1000;
/** So many looks in a row must fail before the engine counts as gone. */
const missesUntilGone = 3;

export class EngineClient {
  readonly #client: engineGrpc.EngineClient;
  #watch: NodeJS.Timeout | undefined;

  constructor(address: string) {
    this.#client = new engineGrpc.EngineClient(address, grpc.credentials.createInsecure());
  }

  /** Shows a message beside a resource; an ephemeral one is a status line that the next overwrites. */
  log(severity: Severity, urn: string, message: string, ephemeral = false): void {
    const request = new engineProto.LogRequest();
    request.setSeverity(severities[severity]);
    request.setUrn(urn);
    request.setMessage(message);
    request.setEphemeral(ephemeral);
    // A message that does not arrive must not fail the work that it tells of.
    this.#client.log(request, () => undefined);
  }

  /** Calls `gone` once when the engine's address has stopped answering: its process was killed. */
  onGone(gone: () => void): void {
    let misses = 0;
    this.#watch = setInterval(() => {
      const state = this.#client.getChannel().getConnectivityState(true);
      const down = state === grpc.connectivityState.TRANSIENT_FAILURE || state === grpc.connectivityState.SHUTDOWN;
      misses = down ? misses + 1 : 0;
      if (misses < missesUntilGone) return;
      clearInterval(this.#watch);
      gone();
    }, watchIntervalMs);
  }

  close(): void {
    clearInterval(this.#watch);
    this.#client.close();
  }
}
