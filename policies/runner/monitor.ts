/** The servers that the stack's program talks to while its registrations are collected: nothing is made. */
import * as grpc from "@grpc/grpc-js";
import engines from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engineMessages from "@pulumi/pulumi/proto/engine_pb.js";
import type { LogRequest, SetRootResourceRequest } from "@pulumi/pulumi/proto/engine_pb.js";
import monitors from "@pulumi/pulumi/proto/resource_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/resource_pb.js";
import type {
  RegisterResourceRequest,
  ResourceInvokeRequest,
  SupportsFeatureRequest,
} from "@pulumi/pulumi/proto/resource_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import structs from "google-protobuf/google/protobuf/struct_pb.js";
import type { Resource } from "../rule.ts";
import { plainProperties } from "../values.ts";
import { standIn } from "./stand-ins.ts";

/** What the SDK may use in its requests; without an entry it falls back, or blames the CLI's age for an option. */
const features = ["secrets", "aliasSpecs", "deletedWith", "resourceReferences"];

/** Bytes of a message: a Roster of 10,000 tenants is larger than the default of 4 MB. */
const maxMessage = 400 * 1024 * 1024;

export interface Monitor {
  /** As in `127.0.0.1:40123`. */
  readonly address: string;
  readonly resources: readonly Resource[];
  /** What the program said went wrong. */
  readonly errors: readonly string[];
  readonly close: () => void;
}

export async function startMonitor(project: string, stack: string): Promise<Monitor> {
  const resources: Resource[] = [];
  const providers = new Map<string, Resource>();
  const errors: string[] = [];
  let root = "";

  const register = (request: RegisterResourceRequest) => {
    const [type, name, parent] = [request.getType(), request.getName(), request.getParent()];
    const urn = urnOf(project, stack, parent === root ? "" : parent, type, name);
    const given = request.getObject()?.toJavaScript() ?? {};
    const provider = providers.get(request.getProvider().split("::").slice(0, -1).join("::"));
    const resource: Resource = {
      type,
      name,
      urn,
      props: plainProperties(given),
      protect: request.getProtect() ?? false,
      references: referencesOf(request),
      ...(parent === "" ? {} : { parent }),
      ...(provider === undefined ? {} : { provider: { type: provider.type, props: provider.props } }),
    };
    resources.push(resource);
    if (type.startsWith("pulumi:providers:")) providers.set(urn, resource);
    if (type === "pulumi:pulumi:Stack") root = urn;
    // A provider's reference is its URN and id; any other resource's id is not known in a preview.
    const id = type.startsWith("pulumi:providers:") ? "policy" : "";
    return new messages.RegisterResourceResponse()
      .setUrn(urn)
      .setId(id)
      .setObject(structs.Struct.fromJavaScript(given));
  };

  const answer =
    <Q, A>(handle: (request: Q) => A): grpc.handleUnaryCall<Q, A> =>
    (call, reply) => {
      try {
        reply(null, handle(call.request));
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        errors.push(text);
        reply({ code: grpc.status.INTERNAL, details: text });
      }
    };

  const { ERROR } = engineMessages.LogSeverity;
  const engine: grpc.UntypedServiceImplementation = {
    log: answer((request: LogRequest) => {
      // Debug lines hold secrets in plain text: only errors are kept.
      if (request.getSeverity() === ERROR) errors.push(request.getMessage().trim());
      return new empty.Empty();
    }),
    getRootResource: answer(() => new engineMessages.GetRootResourceResponse().setUrn(root)),
    setRootResource: answer((request: SetRootResourceRequest) => {
      root = request.getUrn();
      return new engineMessages.SetRootResourceResponse();
    }),
  };
  const own: grpc.UntypedServiceImplementation = {
    supportsFeature: answer((request: SupportsFeatureRequest) =>
      new messages.SupportsFeatureResponse().setHassupport(features.includes(request.getId())),
    ),
    registerResource: answer(register),
    registerResourceOutputs: answer(() => new empty.Empty()),
    invoke: answer((request: ResourceInvokeRequest) =>
      new messages.ResourceInvokeResponse().setReturn(structs.Struct.fromJavaScript(standIn(request.getTok()))),
    ),
    signalAndWaitForShutdown: answer(() => new empty.Empty()),
  };
  // The SDK asks for it as a trial, and goes on where it is not implemented.
  const { getDeploymentInfo: _, ...calls } = monitors.ResourceMonitorService;
  const refusals = Object.keys(calls).map((method) => {
    const refuse = (): never => {
      throw new Error(`the policy runner does not do ${method} of the Pulumi SDK; use pulumi preview --policy-pack`);
    };
    return [method, answer(refuse)] as const;
  });

  const server = new grpc.Server({
    "grpc.max_receive_message_length": maxMessage,
    "grpc.max_send_message_length": maxMessage,
  });
  server.addService(engines.EngineService, engine);
  server.addService(monitors.ResourceMonitorService, { ...Object.fromEntries(refusals), ...own });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const close = (): void => {
    server.forceShutdown();
  };
  return { address: `127.0.0.1:${port}`, resources, errors, close };
}

function referencesOf(request: RegisterResourceRequest): Record<string, readonly string[]> {
  const references: Record<string, readonly string[]> = {};
  request.getPropertydependenciesMap().forEach((dependencies, property) => {
    const urns = dependencies.getUrnsList();
    if (urns.length > 0) references[property] = urns;
  });
  return references;
}

/** As the engine makes it: types of the ancestors, but not the stack's. */
function urnOf(project: string, stack: string, parent: string, type: string, name: string): string {
  const ancestors = parent === "" ? "" : `${parent.split("::")[2] ?? ""}$`;
  return `urn:pulumi:${stack}::${project}::${ancestors}${type}::${name}`;
}
