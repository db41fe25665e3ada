/** The servers that the program and the providers talk to: Engine and ResourceMonitor of the public protocol. */
import * as grpc from "@grpc/grpc-js";
import engines from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engineMessages from "@pulumi/pulumi/proto/engine_pb.js";
import type { LogRequest, SetRootResourceRequest } from "@pulumi/pulumi/proto/engine_pb.js";
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
import { fromStruct, toStruct, unknown } from "./values.ts";

/** What the Node.js SDK may use; without an entry it falls back or refuses the resource option itself. */
const features = ["secrets", "aliasSpecs", "deletedWith"];

export interface Server {
  /** As in `127.0.0.1:40123`. */
  readonly address: string;
  stop(): Promise<void>;
}

/** Makes a handler of a function; an error fails the run and ends the program's work. */
function answer<Q, A>(run: Run, handle: (request: Q) => A | Promise<A>): grpc.handleUnaryCall<Q, A> {
  return (call, reply) => {
    void (async () => {
      try {
        reply(null, await handle(call.request));
      } catch (error) {
        if (!run.hasFailed() && !(error instanceof Stopped))
          run.fail(error instanceof Error ? error.message : String(error));
        // To the SDK this code says that the engine is closing: it ends without a message of its own.
        reply({ code: grpc.status.UNAVAILABLE, details: "the run has failed" });
      }
    })();
  };
}

function refuseCalls(what: string): () => never {
  return () => {
    throw new Error(`the local engine does not support ${what}; use the Pulumi CLI`);
  };
}

/** @param deployment undefined where no program runs. */
export async function startServer(run: Run, deployment: Deployment | undefined): Promise<Server> {
  const server = new grpc.Server(channelOptions);
  server.addService(engines.EngineService, engineService(run, deployment));
  if (deployment !== undefined) server.addService(monitors.ResourceMonitorService, monitorService(run, deployment));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    address: `127.0.0.1:${port}`,
    stop: () => {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
}

function engineService(run: Run, deployment: Deployment | undefined): grpc.UntypedServiceImplementation {
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
    getRootResource: answer(run, () => {
      return new engineMessages.GetRootResourceResponse().setUrn(deployment?.root ?? "");
    }),
    setRootResource: answer(run, (_request: SetRootResourceRequest) => new engineMessages.SetRootResourceResponse()),
  };
}

function monitorService(run: Run, deployment: Deployment): grpc.UntypedServiceImplementation {
  return {
    supportsFeature: answer(run, (request: SupportsFeatureRequest) => {
      return new messages.SupportsFeatureResponse().setHassupport(features.includes(request.getId()));
    }),
    registerResource: answer(run, async (request: RegisterResourceRequest) => {
      const resource = await deployment.register(readRegistration(request));
      const response = new messages.RegisterResourceResponse().setUrn(resource.urn);
      response.setObject(toStruct(resource.outputs));
      // Without an id the program takes it as not known yet.
      return response.setId(resource.id === unknown ? "" : resource.id);
    }),
    registerResourceOutputs: answer(run, (request: RegisterResourceOutputsRequest) => {
      deployment.registerOutputs(request.getUrn(), fromStruct(request.getOutputs()));
      return new empty.Empty();
    }),
    signalAndWaitForShutdown: answer(run, () => new empty.Empty()),
    readResource: answer(run, refuseCalls("resources that are only read (`get`)")),
    existsResource: answer(run, refuseCalls("asking whether a resource exists")),
    invoke: answer(run, refuseCalls("function calls of providers (invoke)")),
    call: answer(run, refuseCalls("method calls of providers (call)")),
    registerStackTransform: answer(run, refuseCalls("transforms")),
    registerStackInvokeTransform: answer(run, refuseCalls("transforms")),
    registerResourceHook: answer(run, refuseCalls("hooks")),
    registerErrorHook: answer(run, refuseCalls("hooks")),
    registerPackage: answer(run, refuseCalls("parameterized packages")),
  };
}
