/**
 * `tenancy:delivery:CredentialsFile`: what a tenant's application needs to connect, as JSON in a file of mode 0600. For
 * machines where the applications run as the file's owner; elsewhere a Kubernetes Secret or AWS Secrets Manager delivers.
 */
import { createHash } from "node:crypto";
import { lstat, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { tenantIdPattern } from "../../components/naming.ts";
import { type Finding, repairable, tellAll } from "../finding.ts";
import { type CheckFailure, type Handler, isUnknown, ProviderError } from "../handler.ts";
import type { CredentialsFileInputs, CredentialsFileOutputs } from "../inputs.ts";
import { assertAdoptable, isInstance, type Mark, newMark, parseMark } from "../mark.ts";
import { messageOf } from "../message.ts";
import { writePrivate } from "../private-file.ts";

const mode = 0o600;

interface Live {
  readonly mark: Mark | undefined;
  /** Of the whole text. */
  readonly digest: string;
  readonly mode: number;
}

export function credentialsFileHandler(): Handler<CredentialsFileInputs, CredentialsFileOutputs> {
  async function write(inputs: CredentialsFileInputs, mark: Mark): Promise<CredentialsFileOutputs> {
    const path = pathOf(inputs);
    await forTenant(inputs, "written", async () => {
      await mkdir(inputs.folder, { recursive: true, mode: 0o700 });
      await writePrivate(path, textOf(inputs, mark), mode);
    });
    return { ...inputs, path, markUrn: mark.urn, instanceToken: mark.token };
  }

  return {
    type: "tenancy:delivery:CredentialsFile",
    replaceOn: ["tenant", "folder"],
    secrets: ["credentials"],

    check: (_context, _olds, news) => Promise.resolve(checkInputs(news)),

    async create(context, inputs) {
      const live = await look(inputs);
      if (live !== undefined) {
        const found = { what: `the file ${pathOf(inputs)}`, mark: live.mark, data: undefined };
        assertAdoptable(found, context.urn, inputs.tenant, context.adopt);
      }
      const outputs = await write(inputs, newMark(context.urn, inputs.tenant));
      return { id: outputs.path, outputs };
    },

    async read(context, _id, inputs, outputs) {
      const live = await look(outputs);
      if (live === undefined) return undefined;
      const found = tellAll(context, findings(live, outputs));
      return { inputs: found.length === 0 ? inputs : { ...inputs, drift: found }, outputs };
    },

    async update(context, _id, outputs, news) {
      const live = await look(news);
      if (live?.mark !== undefined && !isInstance(live.mark, outputs) && !context.adopt.has(news.tenant)) {
        throw new ProviderError(
          `tenant ${news.tenant}: the file ${pathOf(news)} is marked as another instance's, of ${live.mark.urn}. ` +
            `If this stack's state is the right one, take it over with \`tenancy adopt ${news.tenant}\`.`,
        );
      }
      return write(news, { urn: context.urn, tenant: news.tenant, token: outputs.instanceToken });
    },

    async delete(context, _id, outputs) {
      const live = await look(outputs);
      if (live === undefined) return;
      if (!isInstance(live.mark, outputs)) {
        context.warn(
          `tenant ${outputs.tenant}: the file ${outputs.path} is left alone: it is not the one of this state.`,
        );
        return;
      }
      await forTenant(outputs, "removed", () => rm(outputs.path, { force: true }));
    },
  };
}

function pathOf({ folder, tenant }: CredentialsFileInputs): string {
  return join(folder, `${tenant}.json`);
}

/** The mark stands first, so that whoever opens the file sees what keeps it. */
function textOf({ credentials }: CredentialsFileInputs, mark: Mark): string {
  const values = JSON.parse(credentials) as Record<string, unknown>;
  return `${JSON.stringify({ writtenBy: mark, ...values }, null, 2)}\n`;
}

async function look(inputs: CredentialsFileInputs): Promise<Live | undefined> {
  const path = pathOf(inputs);
  return forTenant(inputs, "read", async () => {
    const stats = await lstat(path).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    });
    if (stats === undefined) return undefined;
    if (!stats.isFile()) {
      throw new ProviderError(`tenant ${inputs.tenant}: ${path} is no regular file. Remove what stands there.`);
    }
    const text = await readFile(path, "utf8");
    return { mark: markOf(text), digest: digestOf(text), mode: stats.mode & 0o777 };
  });
}

function markOf(text: string): Mark | undefined {
  try {
    return parseMark(JSON.stringify((JSON.parse(text) as { writtenBy?: unknown }).writtenBy));
  } catch {
    return undefined;
  }
}

function findings(live: Live, outputs: CredentialsFileOutputs): Finding[] {
  const { path } = outputs;
  const found: Finding[] = [];
  if (live.mode !== mode) {
    const [is, should] = [octal(live.mode), octal(mode)];
    found.push(
      repairable(`file ${path}: mode`, is, should, `the file ${path} has the mode ${is} instead of ${should}`),
    );
  }
  const mark = { urn: outputs.markUrn, tenant: outputs.tenant, token: outputs.instanceToken };
  if (live.digest !== digestOf(textOf(outputs, mark))) {
    const sentence = `the file ${path} does not hold the tenant's credentials`;
    found.push(repairable(`file ${path}: content`, "changed", "as written", sentence));
  }
  return found;
}

function octal(value: number): string {
  return value.toString(8).padStart(4, "0");
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

async function forTenant<T>(inputs: CredentialsFileInputs, done: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ProviderError) throw error;
    throw new ProviderError(
      `tenant ${inputs.tenant}: the file ${pathOf(inputs)} could not be ${done}: ${messageOf(error)}. ` +
        `Free space or give this account the right to the folder, and run the command again.`,
      { cause: error },
    );
  }
}

function checkInputs(news: CredentialsFileInputs): CheckFailure[] {
  const failures: CheckFailure[] = [];
  if (!isUnknown(news.tenant) && !tenantIdPattern.test(news.tenant)) {
    failures.push({ property: "tenant", reason: `tenant ${JSON.stringify(news.tenant)}: is no legal id` });
  }
  if (!isUnknown(news.folder) && !news.folder.startsWith("/")) {
    failures.push({
      property: "folder",
      reason: `tenant ${news.tenant}: the folder ${JSON.stringify(news.folder)} is no absolute path`,
    });
  }
  if (!isUnknown(news.credentials) && !isObject(news.credentials)) {
    failures.push({
      property: "credentials",
      reason: `tenant ${news.tenant}: credentials have to be a JSON object; the received text is not shown`,
    });
  }
  return failures;
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
