/** How a tenant gets at its prefix: by an IAM user of its own, by a key made elsewhere, or by none of this tool's. */
import type { S3Server } from "../config.ts";
import { type Finding, repairable } from "../finding.ts";
import { type CallContext, ProviderError } from "../handler.ts";
import type { PrefixInputs } from "../inputs.ts";
import type { AccessKey, StorageBackend } from "./backend.ts";
import type { S3Clients } from "./client.ts";
import { describe, errorCode } from "./errors.ts";
import type { IamUsers } from "./iam-user.ts";

export type PrefixAccess = Pick<StorageBackend, "exists" | "grant" | "revoke"> & {
  drift(inputs: PrefixInputs, known: AccessKey): Promise<readonly Finding[]>;
};

const noKey: AccessKey = { accessKeyId: "", secretAccessKey: "" };

/** Roles or another service give access, and take it away. */
export const noAccess: PrefixAccess = {
  exists: () => Promise.resolve(undefined),
  grant: () => Promise.resolve(noKey),
  drift: () => Promise.resolve([]),
  revoke: () => Promise.resolve(),
};

export function iamUserAccess(users: IamUsers): PrefixAccess {
  return {
    exists: async ({ username }) => ((await users.exists(username)) ? `IAM user "${username}"` : undefined),
    grant: (context, inputs, known, rotate) => users.grant(context, inputs, known, rotate),
    drift: (inputs, known) => users.drift(inputs, known),
    revoke: ({ username }) => users.remove(username),
  };
}

/**
 * Keys that the service's own administration made and limited: tried before they are handed on. A key that reaches
 * more than the prefix is refused, and so is the end of a tenant whose key still works, because nothing here can
 * close it.
 */
export function externalAccess(clients: S3Clients, server: S3Server): PrefixAccess {
  const configured = (tenant: string): AccessKey | undefined => server.keys?.[tenant];

  async function refusal(key: AccessKey, prefix: string): Promise<string | undefined> {
    try {
      await clients.tryKey(key, prefix);
      return undefined;
    } catch (error) {
      const code = errorCode(error);
      if (isRefusal(code)) return code;
      throw describe(error, `${server.endpoint}, ListObjectsV2`);
    }
  }

  /** What the key can list beyond its prefix; undefined where it is confined. */
  async function reach(key: AccessKey, prefix: string): Promise<string | undefined> {
    const parent = prefix.slice(0, prefix.indexOf("/") + 1);
    if ((await refusal(key, "")) === undefined) return "the whole bucket";
    if ((await refusal(key, parent)) === undefined) return `everything under ${parent}`;
    // Without the slash the tenant `acme` would read `acme2`.
    return (await refusal(key, prefix.slice(0, -1))) === undefined
      ? `all that begins with ${prefix.slice(0, -1)}`
      : undefined;
  }

  async function assertClosed({ tenant, prefix }: PrefixInputs): Promise<void> {
    const key = configured(tenant);
    if (key === undefined || (await refusal(key, prefix)) !== undefined) return;
    throw new ProviderError(
      `the access key ${key.accessKeyId} of this tenant still works, and this server offers no way to close it here. ` +
        `Disable it at the service, then run the update again.`,
    );
  }

  async function grant(_context: CallContext, inputs: PrefixInputs): Promise<AccessKey> {
    if (inputs.state !== "active") {
      await assertClosed(inputs);
      return noKey;
    }
    const key = configured(inputs.tenant);
    if (key === undefined) {
      throw new ProviderError("the server's `keys` have no access key of this tenant. Make one and set it there.");
    }
    const refused = await refusal(key, inputs.prefix);
    if (refused !== undefined) {
      throw new ProviderError(
        `the access key ${key.accessKeyId} of this tenant may not list ${inputs.prefix} (${refused}). ` +
          `Permit it that at the service, or correct the server's \`keys\`.`,
      );
    }
    const further = await reach(key, inputs.prefix);
    if (further !== undefined) {
      throw new ProviderError(
        `the access key ${key.accessKeyId} of this tenant may list ${further}. ` +
          `Limit it at the service to ${inputs.prefix}, then run the update again.`,
      );
    }
    return { ...key };
  }

  return {
    exists: () => Promise.resolve(undefined),
    grant,
    async drift(inputs, known) {
      const { tenant, prefix, state } = inputs;
      const key = configured(tenant);
      const field = `access key of tenant ${tenant}`;
      const byHand = (is: string, should: string, sentence: string, todo: string): Finding => ({
        field,
        is,
        should,
        sentence,
        mend: "by hand",
        statements: [`-- ${todo}`],
      });
      if (state !== "active") {
        if (key === undefined || (await refusal(key, prefix)) !== undefined) return [];
        const todo = `disable the key ${key.accessKeyId} at the service`;
        return [byHand("works", "closed", `the access key of tenant ${tenant} still works`, todo)];
      }
      if (key === undefined) {
        const todo = "set the tenant's key in `keys` of the storage server";
        return [byHand("missing", "configured", `the access key of tenant ${tenant} is not configured`, todo)];
      }
      if (key.accessKeyId !== known.accessKeyId || key.secretAccessKey !== known.secretAccessKey) {
        const sentence = `the configured access key of tenant ${tenant} is another than the state's`;
        return [repairable(field, known.accessKeyId, key.accessKeyId, sentence)];
      }
      const refused = await refusal(key, prefix);
      if (refused !== undefined) {
        const todo = `permit the key ${key.accessKeyId} at the service to use ${prefix}`;
        const sentence = `the access key of tenant ${tenant} may not list ${prefix}`;
        return [byHand(`refused (${refused})`, "works", sentence, todo)];
      }
      const further = await reach(key, prefix);
      if (further === undefined) return [];
      const todo = `limit the key ${key.accessKeyId} at the service to ${prefix}`;
      const sentence = `the access key of tenant ${tenant} may list ${further}`;
      return [byHand(further, prefix, sentence, todo)];
    },
    revoke: assertClosed,
  };
}

function isRefusal(code: string): boolean {
  return /^(AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|Forbidden|InvalidSecurity)$/.test(code);
}
