/** The servers that the program and the providers talk to: Engine and ResourceMonitor of the public protocol. */
import * as grpc from "@grpc/grpc-js";
import engines from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engineMessages from "@pulumi/pulumi/proto/engine_pb.js";
import type { LogRequest } from "@pulumi/pulumi/proto/engine_pb.js";
import monitors from "@pulumi/pulumi/proto/resource_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/resource_pb.js";
import type {
  RegisterResourceOutputsRequest,
  RegisterResourceRequest,
  SupportsFeatureRequest,
} from "@pulumi/pulumi/proto/resource_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import type { Deployment } from "./deployment.ts";
import { channelOptions } from "./plugin.ts";
import { readRegistration } from "./registration.ts";
import { Stopped } from "./run.ts";
import type { Run } from "./run.ts";
import { fromStruct, toStruct } from "./values.ts";
import { messageOf } from "../../provider/message.ts";

/** Without an entry the Node.js SDK falls back, or blames the age of the CLI for a resource option. */
const features = ["secrets", "aliasSpecs", "deletedWith"];

/** Makes a handler of a function; an error fails the run and ends the program's work. */
function answer<Q, A>(run: Run, handle: (request: Q) => A | Promise<A>): grpc.handleUnaryCall<Q, A> {
  return (call, reply) => {
    void (async () => {
      try {
        reply(null, await handle(call.request));
      } catch (error) {
        if (!(error instanceof Stopped)) run.fail(messageOf(error));
        // To the SDK this code says that the engine is closing: it ends without a message of its own.
        reply({ code: grpc.status.UNAVAILABLE, details: "the run has failed" });
      }
    })();
  };
}

/** Serves on a free port of the loopback interface; `address` is as in `127.0.0.1:40123`. */
export async function startServer(): Promise<{ readonly server: grpc.Server; readonly address: string }> {
  const server = new grpc.Server(channelOptions);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { server, address: `127.0.0.1:${port}` };
}

export function addServices(server: grpc.Server, run: Run, deployment: Deployment): void {
  server.addService(engines.EngineService, engineService(run, deployment));
  server.addService(monitors.ResourceMonitorService, monitorService(run, deployment));
}

function engineService(run: Run, deployment: Deployment): grpc.UntypedServiceImplementation {
  const { WARNING, ERROR, DEBUG } = engineMessages.LogSeverity;
  return {
    log: answer(run, (request: LogRequest) => {
      const [severity, urn, message] = [request.getSeverity(), request.getUrn(), request.getMessage()];
      // Debug lines hold properties in plain text, secrets too: they go nowhere.
      if (severity === DEBUG) return new empty.Empty();
      if (request.getEphemeral()) run.options.onStatus?.(urn, message);
      else run.say(severity === ERROR ? "error" : severity === WARNING ? "warning" : "info", message, urn);
      return new empty.Empty();
    }),
    getRootResource: answer(run, () => new engineMessages.GetRootResourceResponse().setUrn(deployment.root)),
    setRootResource: answer(run, () => new engineMessages.SetRootResourceResponse()),
  };
}

function monitorService(run: Run, deployment: Deployment): grpc.UntypedServiceImplementation {
  const own: grpc.UntypedServiceImplementation = {
    supportsFeature: answer(run, (request: SupportsFeatureRequest) => {
      return new messages.SupportsFeatureResponse().setHassupport(features.includes(request.getId()));
    }),
    registerResource: answer(run, async (request: RegisterResourceRequest) => {
      const { urn, id, outputs } = await deployment.register(readRegistration(request));
      // Without an id the program takes it as not known yet.
      return new messages.RegisterResourceResponse().setUrn(urn).setId(id).setObject(toStruct(outputs));
    }),
    registerResourceOutputs: answer(run, (request: RegisterResourceOutputsRequest) => {
      deployment.registerOutputs(request.getUrn(), fromStruct(request.getOutputs()));
      return new empty.Empty();
    }),
    signalAndWaitForShutdown: answer(run, () => new empty.Empty()),
  };
  // The SDK asks for it as a trial, and goes on where it is not implemented.
  const { getDeploymentInfo: _, ...calls } = monitors.ResourceMonitorService;
  const refusals = Object.keys(calls).map((method) => {
    const refuse = (): never => {
      throw new Error(`the local engine does not support ${method} of the Pulumi SDK; use the Pulumi CLI`);
    };
    return [method, answer(run, refuse)] as const;
  });
  return { ...Object.fromEntries(refusals), ...own };
}
