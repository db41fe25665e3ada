/** The native provider's process, spoken to over the plugin protocol on the loopback interface. */
import * as grpc from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import type {
  CheckResponse,
  ConfigureResponse,
  CreateResponse,
  DiffResponse,
  ReadResponse,
  UpdateResponse,
} from "@pulumi/pulumi/proto/provider_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import { randomBytes } from "node:crypto";
import { Child } from "./child.ts";
import { parseUrn } from "./resource.ts";
import type { Resource } from "./resource.ts";
import { fromStruct, hasUnknowns, markSecrets, plain, toStruct } from "./values.ts";
import type { Properties } from "./values.ts";

export interface Checked {
  readonly inputs: Properties;
  readonly failures: readonly string[];
}

export interface Difference {
  readonly differs: boolean;
  /** Names of the inputs that differ. */
  readonly changed: readonly string[];
  /** Those of them that ask for a new object. */
  readonly replaces: readonly string[];
  readonly deleteBeforeReplace: boolean;
}

type Seen = Pick<Resource, "inputs" | "outputs">;

/** The plugin's process, or what is built in. */
export interface Provider {
  check(urn: string, olds: Properties | undefined, news: Properties): Promise<Checked>;
  diff(old: Resource, news: Properties): Promise<Difference>;
  /** In a preview the id is empty, and outputs may be unknown or missing. */
  create(urn: string, inputs: Properties, preview: boolean): Promise<{ id: string; outputs: Properties }>;
  update(old: Resource, news: Properties, preview: boolean): Promise<Properties>;
  /** undefined: the object is gone. */
  read(old: Resource): Promise<Seen | undefined>;
  delete(old: Resource): Promise<void>;
}

export interface PluginOptions {
  readonly executable: string;
  /** Of the engine. */
  readonly address: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** The provider's own resource: as the program has it now, or as the last run left it. */
  readonly owner: () => Resource | undefined;
}

export const channelOptions = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };

/** Milliseconds in which the provider has to say its port. */
const startLimit = 60_000;

type Reply<T> = (error: grpc.ServiceError | null, response: T) => void;
type Client = InstanceType<typeof services.ResourceProviderClient>;

/** Started and configured at its first use. */
export class Plugin implements Provider {
  readonly #options: PluginOptions;
  #child: Child | undefined;
  #started: Promise<Client> | undefined;
  #configured: Promise<Client> | undefined;

  constructor(options: PluginOptions) {
    this.#options = options;
  }

  async stop(): Promise<void> {
    const client = await this.#started?.catch(() => undefined);
    client?.close();
    await this.#child?.end();
  }

  /** Asks running calls to come to an end. */
  async cancel(): Promise<void> {
    const client = await this.#started;
    if (client !== undefined) await call((reply) => client.cancel(new empty.Empty(), reply));
  }

  async checkConfig(urn: string, olds: Properties | undefined, news: Properties): Promise<Checked> {
    // Of all calls only those for the provider itself carry secrets marked.
    const request = named(new messages.CheckRequest(), urn).setNews(toStruct(news));
    if (olds !== undefined) request.setOlds(toStruct(olds));
    const client = await (this.#started ??= this.#start());
    return checked(await call<CheckResponse>((reply) => client.checkConfig(request, reply)), news);
  }

  async check(urn: string, olds: Properties | undefined, news: Properties): Promise<Checked> {
    const request = named(new messages.CheckRequest(), urn).setRandomseed(randomBytes(32)).setNews(send(news));
    if (olds !== undefined) request.setOlds(send(olds));
    return checked(await this.#ask<CheckResponse>((client, reply) => client.check(request, reply)), news);
  }

  async diff({ urn, id, inputs, outputs }: Resource, news: Properties): Promise<Difference> {
    const request = named(new messages.DiffRequest(), urn).setId(id);
    request.setOlds(send(outputs)).setOldInputs(send(inputs)).setNews(send(news));
    const answer = await this.#ask<DiffResponse>((client, reply) => client.diff(request, reply));
    return {
      differs: answer.getChanges() !== messages.DiffResponse.DiffChanges.DIFF_NONE,
      changed: answer.getDiffsList().toSorted(),
      replaces: answer.getReplacesList(),
      deleteBeforeReplace: answer.getDeletebeforereplace(),
    };
  }

  async create(urn: string, inputs: Properties, preview: boolean): Promise<{ id: string; outputs: Properties }> {
    const request = named(new messages.CreateRequest(), urn).setProperties(send(inputs)).setPreview(preview);
    const answer = await this.#ask<CreateResponse>((client, reply) => client.create(request, reply));
    const id = preview ? "" : answer.getId();
    if (id === "" && !preview) throw new Error("the provider made the resource without telling its id");
    return { id, outputs: receive(answer.getProperties(), inputs) };
  }

  async update({ urn, id, inputs, outputs }: Resource, news: Properties, preview: boolean): Promise<Properties> {
    const request = named(new messages.UpdateRequest(), urn).setId(id).setPreview(preview);
    request.setOlds(send(outputs)).setOldInputs(send(inputs)).setNews(send(news));
    const answer = await this.#ask<UpdateResponse>((client, reply) => client.update(request, reply));
    return receive(answer.getProperties(), news);
  }

  async read({ urn, id, inputs, outputs }: Resource): Promise<Seen | undefined> {
    const request = named(new messages.ReadRequest(), urn).setId(id);
    request.setProperties(send(outputs)).setInputs(send(inputs));
    const answer = await this.#ask<ReadResponse>((client, reply) => client.read(request, reply));
    if (answer.getId() === "") return undefined;
    return { inputs: receive(answer.getInputs(), inputs), outputs: receive(answer.getProperties(), outputs) };
  }

  async delete({ urn, id, inputs, outputs }: Resource): Promise<void> {
    const request = named(new messages.DeleteRequest(), urn).setId(id);
    request.setProperties(send(outputs)).setOldInputs(send(inputs));
    await this.#ask((client, reply) => client.delete(request, reply));
  }

  async #ask<T>(method: (client: Client, reply: Reply<T>) => unknown): Promise<T> {
    const client = await (this.#configured ??= this.#configure());
    return call((reply) => method(client, reply));
  }

  async #start(): Promise<Client> {
    const { executable, address, cwd, env } = this.#options;
    const first = Promise.withResolvers<string>();
    const child = new Child(executable, [address], { cwd, env }, first.resolve);
    this.#child = child;
    AbortSignal.timeout(startLimit).addEventListener("abort", () => {
      first.reject(new Error(`it said nothing within ${startLimit / 1000} seconds`));
    });
    child.ended.then((code) => {
      first.reject(new Error(`it ended with exit code ${code ?? "(signal)"}`));
    }, first.reject);
    try {
      const port = (await first.promise).trim();
      if (!/^\d+$/.test(port)) throw new Error("its first line is not a port number");
      const credentials = grpc.credentials.createInsecure();
      return new services.ResourceProviderClient(`127.0.0.1:${port}`, credentials, channelOptions);
    } catch (cause) {
      throw new Error(`the provider ${executable} did not start: ${String(cause)}\n${child.lastErrors()}`, { cause });
    }
  }

  async #configure(): Promise<Client> {
    const client = await (this.#started ??= this.#start());
    const owner = this.#options.owner();
    if (owner === undefined) throw new Error("the provider's own resource is not in the state");
    if (hasUnknowns(owner.inputs)) throw new Error("the local engine does not support unknown settings of a provider");
    const request = named(new messages.ConfigureRequest(), owner.urn).setId(owner.id).setArgs(toStruct(owner.inputs));
    request.setAcceptsecrets(true).setSendsOldInputs(true).setSendsOldInputsToDelete(true);
    const answer = await call<ConfigureResponse>((reply) => client.configure(request, reply));
    if (!answer.getSupportspreview()) throw new Error("the local engine does not support a provider without previews");
    return client;
  }
}

interface Named {
  setUrn(urn: string): unknown;
  setName(name: string): unknown;
  setType(type: string): unknown;
}

function named<R extends Named>(request: R, urn: string): R {
  const { name, type } = parseUrn(urn);
  request.setUrn(urn);
  request.setName(name);
  request.setType(type);
  return request;
}

/** The error's text is the provider's own, without the protocol's wrapping. */
function call<T>(method: (reply: Reply<T>) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    method((error, response) => {
      const gone = error?.code === grpc.status.UNAVAILABLE;
      if (error === null) resolve(response);
      else reject(new Error(gone ? "the provider's process has ended" : error.details));
    });
  });
}

/** The provider takes no marked secrets; what it gives back is marked like what it was given. */
function send(values: Properties): Struct {
  return toStruct(plain(values));
}

function receive(struct: Struct | undefined, like: Properties): Properties {
  return markSecrets(fromStruct(struct), like);
}

function checked(answer: CheckResponse, news: Properties): Checked {
  const failures = answer.getFailuresList().map((failure) => {
    const property = failure.getProperty();
    return property === "" ? failure.getReason() : `${property}: ${failure.getReason()}`;
  });
  return { inputs: receive(answer.getInputs(), news), failures };
}
