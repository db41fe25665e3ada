/** Clients of an S3 server and its IAM API, with few sockets and the server's own authority. */
import { IAMClient } from "@aws-sdk/client-iam";
import { ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import pLimit from "p-limit";
import type { AwsStorageServer, S3Server } from "../config.ts";
import type { AccessKey } from "./backend.ts";

/** A server whose tenants' objects lie in a bucket. */
export type BucketServer = S3Server | AwsStorageServer;

export interface S3Clients {
  readonly s3: S3Client;
  readonly iam: IAMClient;
  /** Lists the prefix once with a tenant's own key. Rejects with the server's answer. */
  tryKey(key: AccessKey, prefix: string): Promise<void>;
  close(): void;
}

const maxSockets = 8;

/**
 * Requests wait here and not for a socket: the time limit for a connection counts from the moment that a request goes
 * to the agent, so a hundred at once would end in time-outs of connections that nobody began.
 */
function queued(requestHandler: S3Client["config"]["requestHandler"]): S3Client["config"]["requestHandler"] {
  const limit = pLimit(maxSockets);
  const handle = requestHandler.handle.bind(requestHandler);
  requestHandler.handle = (request, options) => limit(() => handle(request, options));
  return requestHandler;
}

/** Whether the server is Amazon's, which differs from the compatible ones in small things. */
export function isAmazon(server: BucketServer): boolean {
  return server.kind === "aws" || /\.amazonaws\.com(\.cn)?$/.test(new URL(server.endpoint).hostname);
}

/** Whether each tenant has an IAM user. */
export function hasIamUsers(server: BucketServer): server is S3Server {
  return server.kind === "s3" && (server.credentials ?? "iam-user") === "iam-user";
}

/** As in `https://s3.example.com`, for messages. */
export function endpointOf(server: BucketServer): string {
  return server.kind === "s3" ? server.endpoint : `Amazon S3 in ${server.region}`;
}

export function connectS3(server: BucketServer): S3Clients {
  const amazon = isAmazon(server);
  const own = server.kind === "s3" ? server : undefined;
  const requestHandler = () => ({
    connectionTimeout: 5_000,
    requestTimeout: 60_000,
    httpsAgent: { ...(own?.ca === undefined ? {} : { ca: own.ca }), keepAlive: true, maxSockets },
  });
  // Left out, the SDK takes the platform's login from the environment: variables, profile, container or instance role.
  const login =
    own === undefined ? {} : { credentials: { accessKeyId: own.accessKeyId, secretAccessKey: own.secretAccessKey } };
  const common = {
    region: server.region,
    ...(own === undefined ? {} : { endpoint: own.endpoint }),
    forcePathStyle: own?.pathStyle ?? !amazon,
    // Compatible servers refuse headers of checksums that they do not know, Google Cloud Storage among them.
    ...(amazon
      ? {}
      : { requestChecksumCalculation: "WHEN_REQUIRED" as const, responseChecksumValidation: "WHEN_REQUIRED" as const }),
  };
  const s3 = new S3Client({ ...common, ...login, maxAttempts: 8, requestHandler: requestHandler() });
  const iamEndpoint = own?.iamEndpoint ?? (amazon ? undefined : own?.endpoint);
  const iam = new IAMClient({
    region: server.region,
    ...(iamEndpoint === undefined ? {} : { endpoint: iamEndpoint }),
    ...login,
    maxAttempts: 8,
    requestHandler: requestHandler(),
  });
  queued(s3.config.requestHandler);
  queued(iam.config.requestHandler);
  return {
    s3,
    iam,
    async tryKey(key, prefix) {
      const { accessKeyId, secretAccessKey } = key;
      const tenant = new S3Client({
        ...common,
        credentials: { accessKeyId, secretAccessKey },
        maxAttempts: 3,
        requestHandler: s3.config.requestHandler,
      });
      await tenant.send(new ListObjectsV2Command({ Bucket: server.bucket, Prefix: prefix, MaxKeys: 1 }));
    },
    close() {
      s3.destroy();
      iam.destroy();
    },
  };
}
