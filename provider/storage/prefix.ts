/** `tenancy:storage:Prefix`: a tenant's folders under one prefix of a shared bucket or file system, and access to it. */
import type { Platform } from "../config.ts";
import { type Finding, repairable, tellAll } from "../finding.ts";
import { type CallContext, type CheckFailure, type Handler, isUnknown, ProviderError } from "../handler.ts";
import type { PrefixInputs, PrefixOutputs } from "../inputs.ts";
import { assertAdoptable, isInstance, newMark, parseMark } from "../mark.ts";
import type { StorageBackend } from "./backend.ts";
import type { BucketServer, S3Clients } from "./client.ts";
import { fileSystemBackend } from "./file-system.ts";
import { isPrefix, isUsername } from "./iam-policy.ts";
import type { KeyWait } from "./iam-user.ts";
import { s3Backend } from "./s3.ts";

export interface PrefixDependencies {
  readonly platform: Platform;
  readonly connect?: (server: BucketServer) => S3Clients;
  readonly keyWait?: KeyWait;
}

export function prefixHandler({
  platform,
  connect,
  keyWait,
}: PrefixDependencies): Handler<PrefixInputs, PrefixOutputs> {
  const backends = new Map<string, StorageBackend>();

  function backend({ server, tenant }: PrefixInputs): StorageBackend {
    const known = backends.get(server);
    if (known !== undefined) return known;
    const config = platform.storage[server];
    if (config === undefined) throw new ProviderError(`tenant ${tenant}: ${unknownServer(server, platform)}`);
    const made = config.kind === "filesystem" ? fileSystemBackend(config) : s3Backend(config, connect, keyWait);
    backends.set(server, made);
    return made;
  }

  async function apply(
    context: CallContext,
    inputs: PrefixInputs,
    outputs: PrefixOutputs | undefined,
    markUrn: string,
    token: string,
  ) {
    const store = backend(inputs);
    await store.makeFolders(inputs);
    const known = outputs === undefined || outputs.accessKeyId === "" ? undefined : outputs;
    const rotate = outputs !== undefined && outputs.rotation !== inputs.rotation;
    const { accessKeyId, secretAccessKey } = await store.grant(context, inputs, known, rotate);
    return { ...inputs, accessKeyId, secretAccessKey, markUrn, instanceToken: token };
  }

  return {
    type: "tenancy:storage:Prefix",
    replaceOn: ["server", "tenant", "prefix", "username"],
    secrets: ["secretAccessKey"],

    check: (_context, _olds, news) => Promise.resolve(checkInputs(news, platform)),

    preview: (inputs) => ({ ...inputs }),

    create: (context, inputs) =>
      forTenant(inputs, async () => {
        const store = backend(inputs);
        const [markText, what, data] = await Promise.all([
          store.readMark(inputs.prefix),
          store.exists(inputs),
          store.data(inputs),
        ]);
        if (markText !== undefined || what !== undefined || data !== undefined) {
          assertAdoptable(
            { what: what ?? `storage prefix "${inputs.prefix}"`, mark: parseMark(markText), data },
            context.urn,
            inputs.tenant,
            context.adopt,
          );
        }
        const mark = newMark(context.urn, inputs.tenant);
        await store.writeMark(inputs.prefix, JSON.stringify(mark));
        const outputs = await apply(context, inputs, undefined, context.urn, mark.token);
        return { id: `${inputs.server}/${inputs.prefix}`, outputs };
      }),

    read: (context, _id, inputs, outputs) =>
      forTenant(inputs, async () => {
        const store = backend(inputs);
        const [markText, what] = await Promise.all([store.readMark(inputs.prefix), store.exists(inputs)]);
        const found: Finding[] = [];
        if (markText === undefined && what === undefined && (await store.data(inputs)) === undefined) return undefined;
        const mark = parseMark(markText);
        const field = `mark of ${inputs.prefix}`;
        if (mark === undefined) {
          found.push(
            repairable(
              field,
              markText === undefined ? "missing" : "no mark of this tool",
              "there",
              `the mark of storage prefix ${inputs.prefix} is missing`,
            ),
          );
        } else if (!isInstance(mark, outputs)) {
          const sentence = `storage prefix ${inputs.prefix} is marked as another instance's, of ${mark.urn}`;
          const statements = [`-- if this stack's state is the right one: npm run tenancy -- adopt ${inputs.tenant}`];
          found.push({ field, is: mark.urn, should: outputs.markUrn, sentence, mend: "by hand", statements });
        }
        found.push(...(await store.drift(inputs, outputs)));
        const drift = tellAll(context, found);
        return { inputs: drift.length === 0 ? inputs : { ...inputs, drift }, outputs: { ...outputs, ...inputs } };
      }),

    update: (context, _id, outputs, news) =>
      forTenant(news, async () => {
        const store = backend(news);
        const mark = parseMark(await store.readMark(news.prefix));
        if (mark !== undefined && !isInstance(mark, outputs) && !context.adopt.has(news.tenant)) {
          throw new ProviderError(
            `prefix "${news.prefix}" is marked as another instance's, of ${mark.urn}. ` +
              `If this stack's state is the right one, take the prefix over with \`tenancy adopt ${news.tenant}\`.`,
          );
        }
        if (mark?.urn !== context.urn || !isInstance(mark, outputs)) {
          const own = { urn: context.urn, tenant: news.tenant, token: outputs.instanceToken };
          await store.writeMark(news.prefix, JSON.stringify(own));
        }
        return apply(context, news, outputs, context.urn, outputs.instanceToken);
      }),

    delete: (context, _id, outputs) =>
      forTenant(outputs, async () => {
        const store = backend(outputs);
        const { prefix, tenant } = outputs;
        if (!isPrefix(prefix)) {
          throw new ProviderError(`nothing is deleted: ${JSON.stringify(prefix)} is no tenant's prefix.`);
        }
        const [markText, what] = await Promise.all([store.readMark(prefix), store.exists(outputs)]);
        const mark = parseMark(markText);
        if (!isInstance(mark, outputs)) {
          if (markText === undefined && what === undefined && (await store.data(outputs)) === undefined) return;
          context.warn(
            `tenant ${tenant}: storage prefix "${prefix}" is left alone: its mark is ` +
              (mark === undefined ? "missing." : `another instance's, of ${mark.urn}.`),
          );
          return;
        }
        if (outputs.state !== "offboarding" || outputs.backupWaiver === undefined) {
          throw new ProviderError(
            `prefix "${prefix}" is not deleted: record \`state: offboarding\` and a \`backupWaiver\` with reason and name by an update of their own first.`,
          );
        }
        await store.revoke(outputs);
        await store.empty(context, prefix);
        // Last: until here a run that was cut off knows by it that all of this is its own.
        await store.removeMark(prefix);
      }),

    close() {
      for (const store of backends.values()) store.close();
      backends.clear();
      return Promise.resolve();
    },
  };
}

async function forTenant<T>({ tenant, server }: PrefixInputs, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ProviderError) || error.message.startsWith(`tenant ${tenant}:`)) throw error;
    throw new ProviderError(`tenant ${tenant}: storage "${server}": ${error.message}`, { cause: error });
  }
}

function unknownServer(server: string, platform: Platform): string {
  const known = Object.keys(platform.storage).join(", ");
  return `storage server ${JSON.stringify(server)} is not in the platform's configuration; known are: ${known === "" ? "none" : known}.`;
}

function checkInputs(news: PrefixInputs, platform: Platform): readonly CheckFailure[] {
  const failures: CheckFailure[] = [];
  const fail = (property: string, reason: string) =>
    failures.push({ property, reason: `tenant ${news.tenant}: ${reason}` });
  if (!isUnknown(news.server) && platform.storage[news.server] === undefined) {
    fail("server", unknownServer(news.server, platform));
  }
  const server = isUnknown(news.server) ? undefined : platform.storage[news.server];
  if (server?.kind === "s3" && server.credentials === "external" && server.keys?.[news.tenant] === undefined) {
    fail(
      "server",
      `storage server "${news.server}" has \`credentials: external\` and no access key of this tenant. ` +
        `Make one at the service, limited to ${isUnknown(news.prefix) ? "the tenant's prefix" : news.prefix}, and set it in the server's \`keys\`.`,
    );
  }
  if (!isUnknown(news.prefix) && !isPrefix(news.prefix)) {
    fail(
      "prefix",
      `${JSON.stringify(news.prefix)} is no legal prefix; allowed is <name>s/<id>/ of lower-case letters, digits, single "_" in the name and "-" in the id.`,
    );
  }
  if (!isUnknown(news.username) && !isUsername(news.username)) {
    fail(
      "username",
      `${JSON.stringify(news.username)} is no legal IAM user; allowed are 1 to 64 letters, digits, ".", "_" and "-".`,
    );
  }
  if (!isUnknown(news.rotation) && !(Number.isSafeInteger(news.rotation) && news.rotation >= 0)) {
    fail("rotation", `${String(news.rotation)} is no count; allowed are 0, 1, 2 and so on.`);
  }
  if (!isUnknown(news.folders)) {
    news.folders.forEach((folder, index) => {
      if (isUnknown(folder) || /^[a-z0-9][a-z0-9_-]{0,62}$/.test(folder)) return;
      fail(
        `folders[${index}]`,
        `${JSON.stringify(folder)} is no legal folder; allowed are 1 to 63 lower-case letters, digits, "_" and "-".`,
      );
    });
  }
  return failures;
}
