import * as pulumi from "@pulumi/pulumi";
import { afterEach, describe, expect, it, vi } from "vitest";
import { refuseOrphans } from "../../components/adoptable-only.ts";
import { orphanText } from "../../provider/mark.ts";

class Bucket extends pulumi.CustomResource {
  constructor(name: string) {
    super("aws:s3/bucket:Bucket", name, {});
  }
}

class Schema extends pulumi.CustomResource {
  constructor(name: string) {
    super("tenancy:postgres:Schema", name, {});
  }
}

/** The names that a program registers; rejects with what it throws. */
async function run(program: () => void): Promise<string[]> {
  const names: string[] = [];
  await pulumi.runtime.setMocks({
    newResource: ({ name, type, inputs }) => {
      if (type !== "pulumi:pulumi:Stack") names.push(name);
      return { id: name, state: inputs as Record<string, unknown> };
    },
    call: () => ({}),
  });
  await pulumi.runtime.runInPulumiStack(() => {
    program();
    return Promise.resolve({});
  });
  await pulumi.runtime.disconnect();
  return names;
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("refuseOrphans", () => {
  it("refuses a resource that no handler adopts, by type and name, while checkpoints are skipped", async () => {
    vi.stubEnv("PULUMI_SKIP_CHECKPOINTS", "true");
    const registered = await run(() => {
      refuseOrphans();
      expect(() => new Bucket("logs")).toThrow(`aws:s3/bucket:Bucket logs ${orphanText}. Unset`);
    });
    expect(registered).toEqual([]);
  });

  it("lets every resource pass while the state is saved at each step", async () => {
    vi.stubEnv("PULUMI_SKIP_CHECKPOINTS", undefined);
    const both = run(() => {
      refuseOrphans();
      new Schema("acme-schema");
      new Bucket("logs");
    });
    expect(await both).toEqual(["acme-schema", "logs"]);
  });

  it("lets the project's own resources pass while checkpoints are skipped", async () => {
    vi.stubEnv("PULUMI_SKIP_CHECKPOINTS", "true");
    const own = run(() => {
      refuseOrphans();
      new Schema("acme-schema");
    });
    expect(await own).toEqual(["acme-schema"]);
  });
});
