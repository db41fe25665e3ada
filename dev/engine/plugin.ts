/** A provider's own process, spoken to over the plugin protocol on the loopback interface. */
import * as grpc from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import statuses from "@pulumi/pulumi/proto/status_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import { randomBytes } from "node:crypto";
import { PartialFailure } from "./provider.ts";
import type { Checked, Difference, ObjectState, Provider } from "./provider.ts";
import { startProcess } from "./processes.ts";
import type { Child } from "./processes.ts";
import { parseUrn } from "./resource.ts";
import { fromStruct, hasUnknowns, markSecrets, plain, toStruct } from "./values.ts";
import type { Properties } from "./values.ts";

type Reply<T> = (error: grpc.ServiceError | null, response: T) => void;

export const channelOptions = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };

/** Milliseconds in which a provider has to say its port. */
const startLimit = 60_000;

export interface PluginCommand {
  readonly name: string;
  readonly executable: string;
  readonly engineAddress: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface Configuration {
  readonly urn: string;
  readonly id: string;
  readonly inputs: Properties;
}

export class Plugin implements Provider {
  readonly #process: Child;
  readonly #client: InstanceType<typeof services.ResourceProviderClient>;
  /** Unknown inputs of the provider itself, as in a preview: then nothing can be asked. */
  #configured = false;
  #acceptSecrets = false;
  #supportsPreview = false;

  private constructor(process: Child, address: string) {
    this.#process = process;
    this.#client = new services.ResourceProviderClient(address, grpc.credentials.createInsecure(), channelOptions);
  }

  static async start({ name, executable, engineAddress, cwd, env }: PluginCommand): Promise<Plugin> {
    const child = startProcess(executable, [engineAddress], { cwd, env });
    try {
      const port = await child.firstLine(startLimit);
      if (!/^\d+$/.test(port)) throw new Error(`its first line is not a port number`);
      return new Plugin(child, `127.0.0.1:${port}`);
    } catch (error) {
      await child.end();
      throw new Error(`the provider ${name} (${executable}) did not start: ${String(error)}\n${child.lastErrors()}`, {
        cause: error,
      });
    }
  }

  async stop(): Promise<void> {
    this.#client.close();
    await this.#process.end();
  }

  /** Asks running calls to come to an end. */
  async cancel(): Promise<void> {
    await call((reply: Reply<unknown>) => this.#client.cancel(new empty.Empty(), reply)).catch(() => undefined);
  }

  async checkConfig(urn: string, olds: Properties | undefined, news: Properties): Promise<Checked> {
    return this.#check("checkConfig", urn, olds, news, true);
  }

  /** Paths that ask for a new provider. */
  async diffConfig(old: ObjectState, news: Properties): Promise<Difference> {
    const request = this.#diffRequest(old, news, [], true);
    return difference(await call((reply: Reply<DiffResponse>) => this.#client.diffConfig(request, reply)));
  }

  async configure({ urn, id, inputs }: Configuration): Promise<void> {
    if (hasUnknowns(inputs)) return;
    const { name, type } = parseUrn(urn);
    const request = new messages.ConfigureRequest();
    request.setUrn(urn).setName(name).setType(type).setId(id);
    request.setArgs(toStruct(inputs)).setAcceptsecrets(true).setAcceptresources(false);
    request.setSendsOldInputs(true).setSendsOldInputsToDelete(true);
    const variables = request.getVariablesMap();
    for (const [key, value] of Object.entries(plain(inputs))) {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      if (key !== "version") variables.set(`${type.split(":").at(-1) ?? ""}:config:${key}`, text);
    }
    const answer = await call((reply: Reply<ConfigureResponse>) => this.#client.configure(request, reply));
    this.#configured = true;
    this.#acceptSecrets = answer.getAcceptsecrets();
    this.#supportsPreview = answer.getSupportspreview();
  }

  async check(urn: string, olds: Properties | undefined, news: Properties): Promise<Checked> {
    if (!this.#configured) return { inputs: news, failures: [] };
    return this.#check("check", urn, olds, news, this.#acceptSecrets);
  }

  async diff(old: ObjectState, news: Properties, ignoreChanges: readonly string[]): Promise<Difference> {
    if (!this.#configured) return { changes: "unknown", changed: [], replaces: [], deleteBeforeReplace: false };
    const request = this.#diffRequest(old, news, ignoreChanges, this.#acceptSecrets);
    return difference(await call((reply: Reply<DiffResponse>) => this.#client.diff(request, reply)));
  }

  async create(urn: string, inputs: Properties, preview: boolean): Promise<{ id: string; outputs: Properties }> {
    if (preview && !(this.#configured && this.#supportsPreview)) return { id: "", outputs: inputs };
    const request = new messages.CreateRequest();
    request.setUrn(urn).setName(parseUrn(urn).name).setType(parseUrn(urn).type);
    request.setProperties(this.#send(inputs)).setPreview(preview);
    try {
      const answer = await call((reply: Reply<CreateResponse>) => this.#client.create(request, reply));
      const id = answer.getId();
      if (id === "" && !preview) throw new Error("the provider made the resource without telling its id");
      return { id, outputs: this.#receive(answer.getProperties(), inputs) };
    } catch (error) {
      throw this.#partial(error, inputs);
    }
  }

  async update(
    old: ObjectState,
    news: Properties,
    ignoreChanges: readonly string[],
    preview: boolean,
  ): Promise<Properties> {
    if (preview && !(this.#configured && this.#supportsPreview)) return news;
    const request = new messages.UpdateRequest();
    request.setUrn(old.urn).setName(parseUrn(old.urn).name).setType(parseUrn(old.urn).type).setId(old.id);
    request.setOlds(this.#send(old.outputs)).setOldInputs(this.#send(old.inputs)).setNews(this.#send(news));
    request.setIgnorechangesList([...ignoreChanges]).setPreview(preview);
    try {
      const answer = await call((reply: Reply<UpdateResponse>) => this.#client.update(request, reply));
      return this.#receive(answer.getProperties(), news);
    } catch (error) {
      throw this.#partial(error, news);
    }
  }

  async read(old: ObjectState): Promise<{ id: string; inputs: Properties; outputs: Properties } | undefined> {
    const request = new messages.ReadRequest();
    request.setUrn(old.urn).setName(parseUrn(old.urn).name).setType(parseUrn(old.urn).type).setId(old.id);
    request.setProperties(this.#send(old.outputs)).setInputs(this.#send(old.inputs));
    const answer = await call((reply: Reply<ReadResponse>) => this.#client.read(request, reply));
    if (answer.getId() === "") return undefined;
    const inputs = answer.hasInputs() ? this.#receive(answer.getInputs(), old.inputs) : old.inputs;
    return { id: answer.getId(), inputs, outputs: this.#receive(answer.getProperties(), old.outputs) };
  }

  async delete(old: ObjectState): Promise<void> {
    const request = new messages.DeleteRequest();
    request.setUrn(old.urn).setName(parseUrn(old.urn).name).setType(parseUrn(old.urn).type).setId(old.id);
    request.setProperties(this.#send(old.outputs)).setOldInputs(this.#send(old.inputs));
    await call((reply: Reply<unknown>) => this.#client.delete(request, reply));
  }

  async #check(
    method: "check" | "checkConfig",
    urn: string,
    olds: Properties | undefined,
    news: Properties,
    secrets: boolean,
  ): Promise<Checked> {
    const request = new messages.CheckRequest();
    request.setUrn(urn).setName(parseUrn(urn).name).setType(parseUrn(urn).type).setRandomseed(randomBytes(32));
    request.setNews(send(news, secrets));
    if (olds !== undefined) request.setOlds(send(olds, secrets));
    const answer = await call((reply: Reply<CheckResponse>) => this.#client[method](request, reply));
    const failures = answer.getFailuresList().map((f) => ({ property: f.getProperty(), reason: f.getReason() }));
    return { inputs: markSecrets(fromStruct(answer.getInputs()), news), failures };
  }

  #diffRequest(old: ObjectState, news: Properties, ignoreChanges: readonly string[], secrets: boolean): DiffRequest {
    const request = new messages.DiffRequest();
    request.setUrn(old.urn).setName(parseUrn(old.urn).name).setType(parseUrn(old.urn).type).setId(old.id);
    request.setOlds(send(old.outputs, secrets)).setOldInputs(send(old.inputs, secrets)).setNews(send(news, secrets));
    return request.setIgnorechangesList([...ignoreChanges]);
  }

  #send(values: Properties): Struct {
    return send(values, this.#acceptSecrets);
  }

  #receive(struct: Struct | undefined, like: Properties): Properties {
    return this.#acceptSecrets ? fromStruct(struct) : markSecrets(fromStruct(struct), like);
  }

  #partial(error: unknown, like: Properties): unknown {
    const failed = error instanceof CallError ? error.initFailed : undefined;
    if (failed === undefined || failed.getId() === "") return error;
    const inputs = failed.hasInputs() ? this.#receive(failed.getInputs(), like) : undefined;
    const outputs = this.#receive(failed.getProperties(), like);
    const reasons = failed.getReasonsList();
    const message = [error instanceof Error ? error.message : "", ...reasons].filter((text) => text !== "").join("\n");
    return new PartialFailure(message, failed.getId(), outputs, inputs, reasons);
  }
}

type CheckResponse = InstanceType<typeof messages.CheckResponse>;
type ConfigureResponse = InstanceType<typeof messages.ConfigureResponse>;
type CreateResponse = InstanceType<typeof messages.CreateResponse>;
type DiffRequest = InstanceType<typeof messages.DiffRequest>;
type DiffResponse = InstanceType<typeof messages.DiffResponse>;
type ReadResponse = InstanceType<typeof messages.ReadResponse>;
type UpdateResponse = InstanceType<typeof messages.UpdateResponse>;
type InitFailed = InstanceType<typeof messages.ErrorResourceInitFailed>;

/** What the provider answered; the text is its own, without the protocol's wrapping. */
class CallError extends Error {
  override readonly name = "CallError";
  readonly initFailed: InitFailed | undefined;

  constructor(message: string, initFailed: InitFailed | undefined) {
    super(message);
    this.initFailed = initFailed;
  }
}

function call<T>(method: (reply: Reply<T>) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    method((error, response) => {
      if (error === null) resolve(response);
      else if (error.code === grpc.status.UNAVAILABLE)
        reject(new CallError("the provider's process has ended", undefined));
      else reject(new CallError(error.details, initFailed(error)));
    });
  });
}

function initFailed(error: grpc.ServiceError): InitFailed | undefined {
  const [details] = error.metadata.get("grpc-status-details-bin");
  if (!(details instanceof Uint8Array)) return undefined;
  const found = statuses.Status.deserializeBinary(details)
    .getDetailsList()
    .find((detail) => detail.getTypeUrl().endsWith("pulumirpc.ErrorResourceInitFailed"));
  return found === undefined ? undefined : messages.ErrorResourceInitFailed.deserializeBinary(found.getValue_asU8());
}

function send(values: Properties, secrets: boolean): Struct {
  return toStruct(secrets ? values : plain(values));
}

function difference(answer: DiffResponse): Difference {
  const { DIFF_NONE, DIFF_SOME } = messages.DiffResponse.DiffChanges;
  const detailed = [...answer.getDetaileddiffMap().keys()] as string[];
  const replaces = answer.getReplacesList();
  const changed = [...new Set([...detailed, ...answer.getDiffsList(), ...replaces])].sort();
  const known = { [DIFF_NONE]: "none", [DIFF_SOME]: "some" } as const;
  const told = known[answer.getChanges() as keyof typeof known] as "none" | "some" | undefined;
  return { changes: told ?? "unknown", changed, replaces, deleteBeforeReplace: answer.getDeletebeforereplace() };
}
