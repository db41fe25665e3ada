/** Clients of an S3 server and its IAM API, with few sockets and the server's own authority. */
import { IAMClient } from "@aws-sdk/client-iam";
import { ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import pLimit from "p-limit";
import type { S3Server } from "../config.ts";
import type { AccessKey } from "./backend.ts";

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
export function isAmazon(server: S3Server): boolean {
  return /\.amazonaws\.com(\.cn)?$/.test(new URL(server.endpoint).hostname);
}

export function connectS3(server: S3Server): S3Clients {
  const amazon = isAmazon(server);
  const requestHandler = () => ({
    connectionTimeout: 5_000,
    requestTimeout: 60_000,
    httpsAgent: { ...(server.ca === undefined ? {} : { ca: server.ca }), keepAlive: true, maxSockets },
  });
  const credentials = { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey };
  const common = { region: server.region, endpoint: server.endpoint, forcePathStyle: !amazon };
  const s3 = new S3Client({ ...common, credentials, maxAttempts: 8, requestHandler: requestHandler() });
  const iamEndpoint = server.iamEndpoint ?? (amazon ? undefined : server.endpoint);
  const iam = new IAMClient({
    region: server.region,
    ...(iamEndpoint === undefined ? {} : { endpoint: iamEndpoint }),
    credentials,
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
