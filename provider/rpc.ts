/**
 * The plugin protocol (pulumirpc.ResourceProvider) over the handlers: values in and out of protobuf, secrets, unknowns,
 * detailed diffs. What a resource type does is its handler's matter.
 *
 * The ready server of `@pulumi/pulumi/provider` drops the provider's configuration, hands secrets over wrapped and
 * knows no detailed diff; docs/decisions/native-provider.md has the list.
 */
import * as grpc from "@grpc/grpc-js";
import pluginProto from "@pulumi/pulumi/proto/plugin_pb.js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import emptyProto from "google-protobuf/google/protobuf/empty_pb.js";
import structProto from "google-protobuf/google/protobuf/struct_pb.js";
import type { JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb.js";
import { diffInputs, type PropertyChange } from "./diff.ts";
import type { EngineClient } from "./engine-client.ts";
import { type CallContext, type CheckFailure, type Handler, ProviderError } from "./handler.ts";

type Properties = Record<string, unknown>;
// One registry holds handlers of unlike types; each is only ever called with its own type's properties.
export type AnyHandler = Handler<Properties, Properties>;

/** Set by `configure`: which handlers there are depends on the platform's servers. */
export interface Provider {
  readonly version: string;
  /** Faults of the provider's own arguments, at preview. */
  checkConfig(args: Properties): readonly CheckFailure[];
  /** @throws ProviderError with all faults of the arguments. */
  configure(args: Properties): ReadonlyMap<string, AnyHandler>;
  readonly adopt: ReadonlySet<string>;
}

/** How the Pulumi protocol marks a secret in a property map. */
const secretSignature = { key: "4dabf18193072939515e22adb298388d", value: "1b47061264138c4ac30d75fd1eb44270" };

const { DiffChanges } = proto.DiffResponse;
const { Kind } = proto.PropertyDiff;
const kinds: Record<PropertyChange, Record<"plain" | "replace", proto.PropertyDiff.Kind>> = {
  add: { plain: Kind.ADD, replace: Kind.ADD_REPLACE },
  delete: { plain: Kind.DELETE, replace: Kind.DELETE_REPLACE },
  update: { plain: Kind.UPDATE, replace: Kind.UPDATE_REPLACE },
};

export class ProviderServer {
  readonly #provider: Provider;
  readonly #running = new Set<Promise<unknown>>();
  readonly #abort = new AbortController();
  #handlers: ReadonlyMap<string, AnyHandler> = new Map();
  #engine: EngineClient | undefined;

  /** @param connect - opens the line to the engine, also when the engine attaches to a running provider. */
  readonly #connect: (address: string) => EngineClient;

  constructor(provider: Provider, connect: (address: string) => EngineClient, engineAddress: string | undefined) {
    this.#provider = provider;
    this.#connect = connect;
    if (engineAddress !== undefined) this.#engine = connect(engineAddress);
  }

  /** Serves on a free port of the loopback interface. */
  async listen(): Promise<{ server: grpc.Server; port: number }> {
    const server = new grpc.Server({
      "grpc.max_receive_message_length": 400 * 1024 * 1024,
      "grpc.max_send_message_length": 400 * 1024 * 1024,
    });
    server.addService(providerGrpc.ResourceProviderService, this.#service());
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    return { server, port };
  }

  /** Waits for the calls under way, at most `limitMs`, and closes what handlers hold. */
  async drain(limitMs: number): Promise<void> {
    this.#abort.abort();
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise((resolve) => (timer = setTimeout(resolve, limitMs)));
    await Promise.race([Promise.allSettled(this.#running), limit]);
    clearTimeout(timer);
    await Promise.allSettled([...this.#handlers.values()].map(async (handler) => handler.close?.()));
    this.#engine?.close();
  }

  #service(): grpc.UntypedServiceImplementation {
    return {
      getPluginInfo: this.#unary(() => new pluginProto.PluginInfo().setVersion(this.#provider.version)),
      attach: this.#unary((request: pluginProto.PluginAttach) => {
        this.#engine ??= this.#connect(request.getAddress());
        return new emptyProto.Empty();
      }),
      checkConfig: this.#unary((request: proto.CheckRequest) => {
        const failures = this.#provider.checkConfig(fromStruct(request.getNews()));
        // As it came: its secrets are marked, and have to stay so in the state.
        return checkResponse(request.getNews(), failures);
      }),
      // A changed server address or password is no reason to make a tenant's data anew.
      diffConfig: this.#unary((request: proto.DiffRequest) => this.#diffConfig(request)),
      configure: this.#unary((request: proto.ConfigureRequest) => {
        this.#handlers = this.#provider.configure(fromStruct(request.getArgs()));
        return new proto.ConfigureResponse()
          .setAcceptsecrets(false)
          .setAcceptresources(false)
          .setAcceptoutputs(false)
          .setSupportspreview(true);
      }),
      check: this.#unary((request: proto.CheckRequest) => this.#check(request)),
      diff: this.#unary((request: proto.DiffRequest) => this.#diff(request)),
      create: this.#unary((request: proto.CreateRequest) => this.#create(request)),
      read: this.#unary((request: proto.ReadRequest) => this.#read(request)),
      update: this.#unary((request: proto.UpdateRequest) => this.#update(request)),
      delete: this.#unary((request: proto.DeleteRequest) => this.#delete(request)),
      cancel: this.#unary(() => {
        this.#abort.abort();
        return new emptyProto.Empty();
      }),
    };
  }

  #unary<Q, R>(method: (request: Q) => R | Promise<R>): grpc.handleUnaryCall<Q, R> {
    return (call, callback) => {
      const work = Promise.resolve()
        .then(() => method(call.request))
        .then(
          (response) => {
            callback(null, response);
          },
          (error: unknown) => {
            callback({ code: grpc.status.UNKNOWN, details: describe(error) });
          },
        );
      this.#running.add(work);
      void work.finally(() => this.#running.delete(work));
    };
  }

  #handler(urn: string): AnyHandler {
    const type = typeOf(urn);
    const handler = this.#handlers.get(type);
    if (handler === undefined) {
      throw new ProviderError(
        `resource type ${type} is not known; this provider has ${[...this.#handlers.keys()].join(", ")}`,
      );
    }
    return handler;
  }

  #context(urn: string): CallContext {
    return {
      urn,
      adopt: this.#provider.adopt,
      warn: (message) => this.#engine?.log("warning", urn, message),
      status: (message) => this.#engine?.log("info", urn, message, true),
      signal: this.#abort.signal,
    };
  }

  #diffConfig(request: proto.DiffRequest): proto.DiffResponse {
    const olds = request.hasOldInputs() ? fromStruct(request.getOldInputs()) : fromStruct(request.getOlds());
    return diffResponse(diffInputs(olds, fromStruct(request.getNews()), []).changes, []);
  }

  async #check(request: proto.CheckRequest): Promise<proto.CheckResponse> {
    const urn = request.getUrn();
    const handler = this.#handler(urn);
    const news = fromStruct(request.getNews());
    const olds = fromStruct(request.getOlds());
    const known = Object.keys(olds).length > 0 ? olds : undefined;
    const failures = [...(known === undefined ? [] : replacementFailures(handler, known, news))];
    failures.push(...(await handler.check(this.#context(urn), known, news)));
    return checkResponse(toStruct(news, []), failures);
  }

  #diff(request: proto.DiffRequest): proto.DiffResponse {
    const urn = request.getUrn();
    const { replaceOn } = this.#handler(urn);
    const olds = fromStruct(request.getOldInputs());
    const ignored = request.getIgnorechangesList();
    const { changes, replaces } = diffInputs(olds, fromStruct(request.getNews()), replaceOn, ignored);
    const all = new Map(changes);
    // The resource got a new URN by an alias: its mark has to follow, or a later adoption would refuse it.
    const markUrn = fromStruct(request.getOlds()).markUrn;
    if (typeof markUrn === "string" && markUrn !== urn) all.set("markUrn", "update");
    return diffResponse(all, replaces);
  }

  async #create(request: proto.CreateRequest): Promise<proto.CreateResponse> {
    const urn = request.getUrn();
    const handler = this.#handler(urn);
    const inputs = fromStruct(request.getProperties());
    if (request.getPreview()) {
      const outputs = { ...inputs, ...handler.preview?.(inputs) };
      return new proto.CreateResponse().setProperties(toStruct(outputs, handler.secrets));
    }
    const { id, outputs } = await handler.create(this.#context(urn), inputs);
    return new proto.CreateResponse().setId(id).setProperties(toStruct(outputs, handler.secrets));
  }

  async #read(request: proto.ReadRequest): Promise<proto.ReadResponse> {
    const urn = request.getUrn();
    const handler = this.#handler(urn);
    if (!request.hasInputs()) {
      throw new ProviderError(
        `${urn} cannot be imported: its secrets are not on the server. ` +
          `Declare it in the registry and run \`up\`, or take existing data over with \`tenancy adopt\`.`,
      );
    }
    const { drift: _, ...inputs } = fromStruct(request.getInputs());
    const live = await handler.read(this.#context(urn), request.getId(), inputs, fromStruct(request.getProperties()));
    if (live === undefined) return new proto.ReadResponse();
    return new proto.ReadResponse()
      .setId(request.getId())
      .setProperties(toStruct(live.outputs, handler.secrets))
      .setInputs(toStruct(live.inputs, handler.secrets));
  }

  async #update(request: proto.UpdateRequest): Promise<proto.UpdateResponse> {
    const urn = request.getUrn();
    const handler = this.#handler(urn);
    const olds = fromStruct(request.getOlds());
    const news = fromStruct(request.getNews());
    const context = {
      ...this.#context(urn),
      ...(request.hasOldInputs() ? { drifted: "drift" in fromStruct(request.getOldInputs()) } : {}),
    };
    const outputs = request.getPreview()
      ? { ...olds, ...news, ...handler.preview?.(news, olds) }
      : await handler.update(context, request.getId(), olds, news);
    return new proto.UpdateResponse().setProperties(toStruct(outputs, handler.secrets));
  }

  async #delete(request: proto.DeleteRequest): Promise<emptyProto.Empty> {
    const urn = request.getUrn();
    await this.#handler(urn).delete(this.#context(urn), request.getId(), fromStruct(request.getProperties()));
    return new emptyProto.Empty();
  }
}

/** The type of a resource from its URN: `urn:pulumi:<stack>::<project>::<parent types$type>::<name>`. */
export function typeOf(urn: string): string {
  const qualified = urn.split("::")[2] ?? "";
  return qualified.slice(qualified.lastIndexOf("$") + 1);
}

function replacementFailures(handler: AnyHandler, olds: Properties, news: Properties): CheckFailure[] {
  if (!("state" in olds) || olds.state === "offboarding") return [];
  return diffInputs(olds, news, handler.replaceOn).replaces.map((property) => ({
    property,
    reason:
      `tenant ${String(olds.tenant)}: ${property} cannot change from ${JSON.stringify(olds[property])} to ` +
      `${JSON.stringify(news[property])}: that would replace the tenant's data in ${typeOfStore(handler.type)}. ` +
      `Put the old value back; a tenant that shall move is offboarded and made again under another id.`,
  }));
}

function typeOfStore(type: string): string {
  return (
    { postgres: "PostgreSQL", redis: "Redis", storage: "object storage", neo4j: "Neo4j" }[type.split(":")[1] ?? ""] ??
    type
  );
}

function checkResponse(inputs: structProto.Struct | undefined, failures: readonly CheckFailure[]): proto.CheckResponse {
  return new proto.CheckResponse()
    .setInputs(inputs)
    .setFailuresList(failures.map((failure) => new proto.CheckFailure().setReason(failureText(failure))));
}

/** The engine would print the whole value beside a property's name, a roster of a thousand tenants or a secret. */
function failureText({ property, reason }: CheckFailure): string {
  return reason.includes(property.split(/[.[]/)[0] ?? property) ? reason.trim() : `${property}: ${reason.trim()}`;
}

function diffResponse(changes: ReadonlyMap<string, PropertyChange>, replaces: readonly string[]): proto.DiffResponse {
  const response = new proto.DiffResponse()
    .setChanges(changes.size > 0 ? DiffChanges.DIFF_SOME : DiffChanges.DIFF_NONE)
    .setDiffsList([...changes.keys()])
    .setReplacesList([...replaces])
    .setHasdetaileddiff(true);
  const detailed = response.getDetaileddiffMap();
  for (const [name, change] of changes) {
    const kind = kinds[change][replaces.includes(name) ? "replace" : "plain"];
    detailed.set(name, new proto.PropertyDiff().setKind(kind).setInputdiff(true));
  }
  return response;
}

/** Secrets arrive plain in the calls for resources, and marked in those for the provider's own configuration. */
function fromStruct(struct: structProto.Struct | undefined): Properties {
  return Object.fromEntries(Object.entries(struct?.toJavaScript() ?? {}).map(([name, value]) => [name, plain(value)]));
}

function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const fields = value as Properties;
  return fields[secretSignature.key] === secretSignature.value ? fields.value : value;
}

/** A protobuf Struct knows no undefined; secrets are marked so that the engine encrypts them in the state. */
function toStruct(properties: Properties, secrets: readonly string[]): structProto.Struct {
  const marked = Object.entries(properties).map(([name, value]) => [
    name,
    secrets.includes(name) && typeof value === "string" && value !== ""
      ? { [secretSignature.key]: secretSignature.value, value }
      : value,
  ]);
  return structProto.Struct.fromJavaScript(
    JSON.parse(JSON.stringify(Object.fromEntries(marked))) as Record<string, JavaScriptValue>,
  );
}

/** A mistake or fault that a person can mend is told as such; anything else is a defect of ours and says so. */
function describe(error: unknown): string {
  if (error instanceof ProviderError) return error.message;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `unexpected fault of the tenancy provider (please report it): ${text}`;
}
