import { randomBytes } from "node:crypto";
import { S3Client } from "@aws-sdk/client-s3";
import type { FileSystemServer, S3Server } from "../../../provider/config.ts";
import type { CallContext } from "../../../provider/handler.ts";
import type { PrefixInputs } from "../../../provider/inputs.ts";
import { connectS3 } from "../../../provider/storage/client.ts";
import { prefixHandler } from "../../../provider/storage/prefix.ts";
import { services } from "../../support/services.ts";

export const { platform } = services();

export function s3Server(): S3Server {
  const server = platform.storage.main;
  if (server?.kind !== "s3") throw new Error("the test services have no S3 server");
  return server;
}

export function fileServer(): FileSystemServer {
  const server = platform.storage.files;
  if (server?.kind !== "filesystem") throw new Error("the test services have no folder for files");
  return server;
}

/** Ids of one test, unlike those of every other. */
export function newTenant(changes: Partial<PrefixInputs> = {}): PrefixInputs {
  const tenant = changes.tenant ?? `t${randomBytes(6).toString("hex")}`;
  return {
    server: "main",
    tenant,
    state: "active",
    prefix: `tenants/${tenant}/`,
    username: `tenant.${tenant}`,
    folders: ["uploads", "processed", "exports"],
    rotation: 0,
    ...changes,
  };
}

export function newContext(tenant: string, changes: Partial<CallContext> = {}) {
  const warnings: string[] = [];
  const statuses: string[] = [];
  const context: CallContext = {
    urn: `urn:pulumi:test::tenancy::tenancy:storage:Prefix::${tenant}`,
    adopt: new Set(),
    warn: (message) => warnings.push(message),
    status: (message) => statuses.push(message),
    signal: new AbortController().signal,
    ...changes,
  };
  return { context, warnings, statuses };
}

export const newHandler = () => prefixHandler({ platform });
export const Bucket = s3Server().bucket;
/** The platform's own access. */
export const admin = connectS3(s3Server());

const open: S3Client[] = [];

export function connect({ accessKeyId, secretAccessKey }: { accessKeyId: string; secretAccessKey: string }): S3Client {
  const { endpoint, region } = s3Server();
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey },
    requestHandler: admin.s3.config.requestHandler,
  });
  open.push(client);
  return client;
}

export function closeAll(): void {
  for (const client of open.splice(0)) client.destroy();
  admin.close();
}

/** The name of the error that a call ends in, or "done". */
export async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "done";
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
}

export const waiver = { reason: "test data", name: "test" };
