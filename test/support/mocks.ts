/** Runs a piece of a Pulumi program against mocks and gives back every registration. */
import * as pulumi from "@pulumi/pulumi";

export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
  readonly urn: string;
  readonly custom: boolean;
}

/** What a handler would add to the inputs, by type. */
const computed: Record<string, Record<string, unknown>> = {
  "tenancy:storage:Prefix": { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "planted-secret-key" },
};

const secretKey = "4dabf18193072939515e22adb298388d";

/** How a secret input of this value reaches an engine. */
export function secret(value: unknown): unknown {
  return { [secretKey]: "1b47061264138c4ac30d75fd1eb44270", value };
}

/**
 * @param program - registers resources; may be given unknown outputs with `preview: true`
 * @returns what the program returned and what it registered, after every registration has ended
 */
export async function registrations<T>(
  program: () => T,
  options: {
    preview?: boolean;
    /** What the cloud would add to the inputs, by type. */
    outputs?: Readonly<Record<string, Record<string, unknown>>>;
    /** What functions of providers answer, by token; left out: their arguments. */
    calls?: Readonly<Record<string, Record<string, unknown>>>;
  } = {},
): Promise<{ result: T; registered: Registered[] }> {
  const registered: Registered[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs, custom, id }) => {
        registered.push({ type, name, inputs: inputs as Record<string, unknown>, custom: custom === true, urn: "" });
        const outputs = options.preview === true ? {} : { ...computed[type], ...options.outputs?.[type] };
        // Only what is read or imported has an id before.
        return {
          id: id === undefined || id === "" ? `${name}-id` : id,
          state: { ...plain(inputs as Record<string, unknown>), ...outputs },
        };
      },
      call: ({ token, inputs }) => options.calls?.[token] ?? (inputs as Record<string, unknown>),
    },
    "tenancy",
    "test",
    options.preview ?? false,
  );
  try {
    return { result: program(), registered };
  } finally {
    await pulumi.runtime.disconnect();
  }
}

/** The value of an output; rejects when an apply threw, which `apply` alone would swallow. */
export function valueOf<T>(output: pulumi.Output<T> | undefined): Promise<T> {
  if (output === undefined) throw new Error("there is no such output");
  return (output as unknown as { promise(): Promise<T> }).promise();
}

function plain(inputs: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [
      name,
      typeof value === "object" && value !== null && secretKey in value ? (value as { value?: unknown }).value : value,
    ]),
  );
}
