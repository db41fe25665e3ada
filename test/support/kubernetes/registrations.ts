/** Runs a piece of a program against mocks that also tell how an object was registered. */
import * as pulumi from "@pulumi/pulumi";
import { getMonitor } from "@pulumi/pulumi/runtime/settings.js";

export interface Registration {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
  /** Name of the provider. */
  readonly provider: string;
  readonly parent: string;
  readonly protect: boolean;
  readonly dependsOn: readonly string[];
  readonly replaceOnChanges: readonly string[];
}

/** What the cluster would hold in the Secrets that are read. */
export const authority = "-----BEGIN CERTIFICATE-----\nread\n-----END CERTIFICATE-----\n";

interface Request {
  getType(): string;
  getName(): string;
  getProvider(): string;
  getParent(): string;
  getProtect(): boolean;
  getDependenciesList(): string[];
  getReplaceonchangesList(): string[];
}

type Facts = Omit<Registration, "type" | "name" | "inputs">;

interface Monitor {
  registerResource(request: Request, callback: unknown): Promise<void>;
}

export async function registrations<T>(
  program: () => T,
  options: { preview?: boolean } = {},
): Promise<{ result: T; registered: Registration[]; read: string[] }> {
  const seen: { type: string; name: string; inputs: Record<string, unknown> }[] = [];
  const read: string[] = [];
  const data = { "ca.crt": Buffer.from(authority).toString("base64") };
  const preview = options.preview ?? false;
  const mocks: pulumi.runtime.Mocks = {
    newResource: ({ type, name, inputs, id }) => {
      if (id !== undefined && id !== "") {
        read.push(id);
        return { id, state: { data } };
      }
      seen.push({ type, name, inputs: inputs as Record<string, unknown> });
      return { id: preview ? undefined : `${name}-id`, state: inputs as Record<string, unknown> };
    },
    call: ({ inputs }) => inputs as Record<string, unknown>,
  };
  await pulumi.runtime.setMocks(mocks, "tenancy", "test", preview);
  // The mocks themselves are told inputs only.
  const facts = new Map<string, Facts>();
  const monitor = getMonitor() as unknown as Monitor;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    facts.set(`${request.getType()} ${request.getName()}`, {
      provider: nameOf(request.getProvider().split("::").slice(0, -1).join("::")),
      parent: nameOf(request.getParent()),
      protect: request.getProtect(),
      dependsOn: request.getDependenciesList().map(nameOf).sort(),
      replaceOnChanges: request.getReplaceonchangesList(),
    });
    return register(request, callback);
  };
  let result: T;
  try {
    result = program();
  } finally {
    await pulumi.runtime.disconnect();
  }
  const none: Facts = { provider: "", parent: "", protect: false, dependsOn: [], replaceOnChanges: [] };
  const registered = seen.map((one) => ({ ...one, ...(facts.get(`${one.type} ${one.name}`) ?? none) }));
  return { result, registered, read };
}

function nameOf(urn: string): string {
  return urn.split("::").at(-1) ?? "";
}
