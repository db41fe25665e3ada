/** SeaweedFS: S3 and IAM over TLS, each of its servers on 127.0.0.1 only. */
import { Agent } from "node:https";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { CreateBucketCommand, HeadBucketCommand, ListBucketsCommand } from "@aws-sdk/client-s3";
import { PutBucketPolicyCommand, PutBucketVersioningCommand } from "@aws-sdk/client-s3";
import { S3Client, S3ServiceException } from "@aws-sdk/client-s3";
import { privateFolder, writePrivate } from "./files.ts";
import { waitUntilHealthy } from "./health.ts";
import { ensureDatabase, postgres } from "./postgres.ts";
import { checkTimeoutMs, plainEnvironment, verifiesCertificate, type Context, type Service } from "./service.ts";
import { paths } from "./state.ts";

export const bucket = "tenants";
export const region = "us-east-1";

/** The IAM users lie there. */
const database = "seaweedfs";

// The unix socket of the server has no TLS; a user's policy cannot ask for it, because the server gives it no such key.
const tlsOnly = {
  Version: "2012-10-17",
  Statement: [
    {
      Sid: "TlsOnly",
      Effect: "Deny",
      Principal: "*",
      Action: "s3:*",
      Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
      Condition: { Bool: { "aws:SecureTransport": "false" } },
    },
  ],
};

export const seaweedfs: Service = {
  name: "storage",
  title: "SeaweedFS",
  ports: ["s3", "s3-grpc", "master", "master-grpc", "volume", "volume-grpc", "filer", "filer-grpc"],

  async prepare({ dir, state }) {
    const data = await privateFolder(paths(dir).data("storage"));
    await privateFolder(join(data, "store"));
    const { s3AccessKeyId: accessKey, s3SecretAccessKey: secretKey } = state.secrets;
    const admin = { name: "admin", credentials: [{ accessKey, secretKey }], actions: ["Admin"] };
    await writePrivate(join(data, "s3.json"), JSON.stringify({ identities: [admin] }));
    // Its own store is a folder of files, of which it writes every one at each change of any user.
    const settings = {
      enabled: true,
      hostname: "127.0.0.1",
      port: state.ports.postgres,
      username: database,
      password: state.secrets.storageDatabase,
      database,
      schema: "public",
      sslmode: verifiesCertificate(state) ? "verify-full" : "require",
      connection_max_open: 10,
      connection_max_idle: 4,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
    await writePrivate(join(data, "credential.toml"), `[credential.postgres]\n${lines.join("\n")}\n`);
  },

  async before(context, signal) {
    await waitUntilHealthy(postgres, context, signal);
    await ensureDatabase(context, database, context.state.secrets.storageDatabase);
  },

  command({ dir, state }) {
    const at = paths(dir);
    const port = (name: keyof typeof state.ports): string => String(state.ports[name]);
    const options = {
      dir: "store",
      ip: "127.0.0.1",
      "ip.bind": "127.0.0.1",
      "master.port": port("master"),
      "master.port.grpc": port("master-grpc"),
      // The only master elects itself, after 10 seconds unless told otherwise.
      "master.electionTimeout": "500ms",
      "master.heartbeatInterval": "100ms",
      "master.telemetry": "false",
      "master.volumeSizeLimitMB": "1024",
      "volume.port": port("volume"),
      "volume.port.grpc": port("volume-grpc"),
      "volume.max": "0",
      "volume.preStopSeconds": "0",
      filer: "true",
      "filer.port": port("filer"),
      "filer.port.grpc": port("filer-grpc"),
      "filer.localSocket": "filer.sock",
      s3: "true",
      "s3.port": port("s3"),
      "s3.port.grpc": port("s3-grpc"),
      "s3.port.iceberg": "0",
      "s3.port.lance": "0",
      "s3.localSocket": "s3.sock",
      // With a certificate and without `-s3.port.https` the port speaks TLS and there is none for plain HTTP.
      "s3.cert.file": at.serverCertificate,
      "s3.key.file": at.serverKey,
      "s3.config": "s3.json",
      "s3.iam.readOnly": "false",
      "s3.autoCreateBucket": "false",
    };
    const { jwt } = state.secrets;
    return {
      argv: [
        state.programs.weed,
        "-logtostderr=true",
        "server",
        ...Object.entries(options).map(([name, value]) => `-${name}=${value}`),
      ],
      cwd: at.data("storage"),
      // It waits for its own servers' streams until it is killed; what it has acknowledged is with the system by then.
      graceSeconds: 1,
      env: {
        ...plainEnvironment(),
        HOME: at.data("storage"),
        WEED_JWT_SIGNING_KEY: jwt,
        WEED_JWT_SIGNING_READ_KEY: jwt,
        WEED_JWT_FILER_SIGNING_KEY: jwt,
        WEED_JWT_FILER_SIGNING_READ_KEY: jwt,
        // Where it is set the certificate is verified, whatever `sslmode` says.
        ...(verifiesCertificate(state) ? { PGSSLROOTCERT: at.caCertificate } : {}),
        // Closes the port by which any local process could give this server users of its own. The filer, which has no
        // certificate, loses it too: it would send every user again at each change of one, and the server has read
        // them from the database by then.
        WEED_GRPC_CA: at.caCertificate,
        WEED_GRPC_S3_CERT: at.serverCertificate,
        WEED_GRPC_S3_KEY: at.serverKey,
        WEED_S3_SSE_KEK_PASSPHRASE: state.secrets.objectEncryption,
      },
    };
  },

  async clean({ state }) {
    const ports = ["master-grpc", "volume-grpc", "filer-grpc", "s3-grpc"] as const;
    await Promise.all(
      ports.map((name) => {
        const [server = ""] = name.split("-");
        return rm(`/tmp/seaweedfs-${server}-grpc-${state.ports[name]}.sock`, { force: true });
      }),
    );
  },

  async check(context) {
    await withClient(context, (client) => client.send(new ListBucketsCommand({})));
  },

  async finish(context) {
    await withClient(context, async (client) => {
      try {
        await client.send(new HeadBucketCommand({ Bucket: bucket }));
      } catch (error) {
        if (!(error instanceof S3ServiceException) || error.$metadata.httpStatusCode !== 404) throw error;
        await client.send(new CreateBucketCommand({ Bucket: bucket }));
      }
      await client.send(
        new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: "Enabled" } }),
      );
      await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify(tlsOnly) }));
    });
  },
};

async function withClient<T>({ state, ca }: Context, use: (client: S3Client) => Promise<T>): Promise<T> {
  const client = new S3Client({
    endpoint: `https://127.0.0.1:${state.ports.s3}`,
    region,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: state.secrets.s3AccessKeyId, secretAccessKey: state.secrets.s3SecretAccessKey },
    requestHandler: {
      httpsAgent: new Agent({ ca, rejectUnauthorized: verifiesCertificate(state) }),
      connectionTimeout: checkTimeoutMs,
      requestTimeout: checkTimeoutMs,
      throwOnRequestTimeout: true,
    },
  });
  try {
    return await use(client);
  } finally {
    client.destroy();
  }
}
