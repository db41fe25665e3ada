/** Faults of S3, IAM and file systems in words that tell what to do. */
import { ProviderError } from "../handler.ts";

const ways: Readonly<Record<string, string>> = {
  AccessDenied:
    "the platform's access key may not do this. It needs the object, list, version and multipart actions on the bucket, and IAM's user, user policy and access key actions.",
  AccessDeniedException: "the platform's access key may not do this. Allow it in its policy.",
  NoSuchBucket: "the bucket does not exist. Create it, or correct `bucket` of this storage server.",
  InvalidAccessKeyId:
    "the server does not know the platform's access key. Correct `accessKeyId` of this storage server.",
  InvalidClientTokenId:
    "the server does not know the platform's access key. Correct `accessKeyId` of this storage server.",
  SignatureDoesNotMatch: "the platform's secret access key is wrong. Correct `secretAccessKey` of this storage server.",
  LimitExceeded:
    "a limit of IAM is reached (Amazon: 5,000 users an account, 2 access keys a user). Raise it, or place tenants in another account.",
  MalformedPolicyDocument:
    "the server does not accept the policy of a tenant. It must know user policies with conditions.",
  NotImplemented: "the server does not offer this call. It needs an IAM API with users, user policies and access keys.",
  EntityAlreadyExists: "the object is there already, made by someone else at this moment. Run the update again.",
  CERT_HAS_EXPIRED: "the server's certificate has expired. Renew it and run the update again.",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the server's certificate is not for this host. Use the host that the certificate names.",
  EACCES: "permission denied. Give the account that runs updates the folder, or correct `root`.",
  EPERM: "not permitted. Give the account that runs updates the folder, or correct `root`.",
  ENOSPC: "the disk is full. Make room and run the update again.",
  EROFS: "the file system is read-only. Mount it writable, or correct `root`.",
  ENOTDIR: "a part of the path is a file. Remove it, or correct `root`.",
};

export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return "";
  // SeaweedFS's IAM API gives these faults no code.
  if (error.message.startsWith("The request signature we calculated does not match")) return "SignatureDoesNotMatch";
  if (error.message.startsWith("The access key ID you provided does not exist")) return "InvalidAccessKeyId";
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return code === "" ? error.name.replace(/^(.*[a-z])Exception$/, "$1") : code;
}

/** @param where as in `https://s3.example.com, PutObject` */
export function describe(error: unknown, where: string): ProviderError {
  if (error instanceof ProviderError) return error;
  const code = errorCode(error);
  const way = ways[code];
  if (way !== undefined) return new ProviderError(`${where}: ${way}`, { cause: error });
  if (/^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENETUN|EAI_AGAIN|ENOTFOUND|TimeoutError)/.test(code)) {
    return new ProviderError(
      `${where}: no connection (${code}). Start the server or correct its endpoint, then run the update again.`,
    );
  }
  if (/CERT|SIGNATURE|ISSUER/.test(code)) {
    return new ProviderError(
      `${where}: the server's certificate is not signed by a trusted authority (${code}). Set \`ca\` of this storage server to the authority's PEM text.`,
    );
  }
  const message = error instanceof Error ? error.message.slice(0, 300) : String(error);
  return new ProviderError(
    `${where}: ${code}: ${message}. Correct the server or its settings and run the update again.`,
    { cause: error },
  );
}
