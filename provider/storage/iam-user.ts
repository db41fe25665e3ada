/** A tenant's IAM user: one inline policy, one access key. Every step may run twice. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  DetachUserPolicyCommand,
  GetUserCommand,
  GetUserPolicyCommand,
  ListAccessKeysCommand,
  ListAttachedUserPoliciesCommand,
  ListGroupsForUserCommand,
  ListUserPoliciesCommand,
  PutUserPolicyCommand,
  UpdateAccessKeyCommand,
} from "@aws-sdk/client-iam";
import type { S3Server } from "../config.ts";
import { type Finding, repairable } from "../finding.ts";
import { type CallContext, ProviderError } from "../handler.ts";
import type { PrefixInputs } from "../inputs.ts";
import type { AccessKey } from "./backend.ts";
import { isAmazon, type S3Clients } from "./client.ts";
import { describe, errorCode } from "./errors.ts";
import { iamFindings, policyName } from "./iam-drift.ts";
import { isSamePolicy, type PolicyDocument, prefixPolicy } from "./iam-policy.ts";

/** How the wait for IAM's eventual consistency goes; Amazon's takes seconds. */
export interface KeyWait {
  /** Counts from the last answer of IAM. @default 60000 */
  readonly limitMs?: number;
  /** First pause; it grows by half each time, up to 1 s. @default 50 */
  readonly firstMs?: number;
}

export class IamUsers {
  readonly #clients: S3Clients;
  readonly #server: S3Server;
  readonly #wait: Required<KeyWait>;

  constructor(clients: S3Clients, server: S3Server, { limitMs = 60_000, firstMs = 50 }: KeyWait = {}) {
    this.#clients = clients;
    this.#server = server;
    this.#wait = { limitMs, firstMs };
  }

  async exists(username: string): Promise<boolean> {
    const found = await this.#unlessMissing("GetUser", () =>
      this.#clients.iam.send(new GetUserCommand({ UserName: username })),
    );
    return found !== undefined;
  }

  async grant(
    context: CallContext,
    inputs: PrefixInputs,
    known: AccessKey | undefined,
    rotate: boolean,
  ): Promise<AccessKey> {
    const { iam } = this.#clients;
    const { username: UserName, prefix, state } = inputs;
    const open = state === "active";
    // A user that this call made has neither policies nor keys: three calls fewer, each of which reads all users on
    // SeaweedFS.
    const isNew = await this.#create(UserName);
    if (!isNew) await this.#removePolicies(UserName, open);
    if (open) {
      await this.#call("PutUserPolicy", () =>
        iam.send(
          new PutUserPolicyCommand({
            UserName,
            PolicyName: policyName,
            PolicyDocument: JSON.stringify(this.#policy(prefix)),
          }),
        ),
      );
    }
    // A key that the state does not know is of a run that was cut off, or of somebody else.
    const keys = isNew ? [] : await this.#keys(UserName);
    for (const { id } of keys) if (id !== known?.accessKeyId) await this.#deleteKey(UserName, id);
    const live = keys.find(({ id }) => id === known?.accessKeyId);

    let key = known;
    if (key === undefined || live === undefined || rotate) {
      const made = await this.#call("CreateAccessKey", () => iam.send(new CreateAccessKeyCommand({ UserName })));
      const { AccessKeyId, SecretAccessKey } = made.AccessKey ?? {};
      if (AccessKeyId === undefined || SecretAccessKey === undefined) {
        throw new ProviderError(`${this.#where("CreateAccessKey")}: the server gave no key.`);
      }
      key = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey };
      if (!open) await this.#setStatus(UserName, AccessKeyId, "Inactive");
    } else if (live.active !== open) {
      await this.#setStatus(UserName, live.id, open ? "Active" : "Inactive");
    }
    await this.#waitFor(context, key, prefix, open);
    // Last: until the new key works, applications need the old one.
    if (live !== undefined && live.id !== key.accessKeyId) await this.#deleteKey(UserName, live.id);
    return key;
  }

  async drift({ username, prefix, state }: PrefixInputs, known: AccessKey): Promise<readonly Finding[]> {
    const { iam } = this.#clients;
    if (!(await this.exists(username))) {
      return [repairable(`IAM user ${username}`, "missing", "there", `IAM user ${username} is missing`)];
    }
    const open = state === "active";
    const keys = await this.#keys(username);
    const live = keys.find(({ id }) => id === known.accessKeyId);
    const { inline, attached } = await this.#policies(username);
    const own = inline.includes(policyName)
      ? await this.#unlessMissing("GetUserPolicy", () =>
          iam.send(new GetUserPolicyCommand({ UserName: username, PolicyName: policyName })),
        )
      : undefined;
    const same = own !== undefined && isSamePolicy(own.PolicyDocument ?? "", this.#policy(prefix));
    const refusal = live?.active === true ? await this.#refusal(known, prefix) : undefined;
    // SeaweedFS forgets a key's status where its users lie in PostgreSQL, and refuses it for want of a policy.
    const closed = refusal !== undefined && !open && !isAmazon(this.#server);
    return iamFindings(
      {
        username,
        otherKeys: keys.filter((key) => key !== live).map(({ id }) => id),
        key: live === undefined ? "missing" : closed ? "closed" : live.active ? "active" : "inactive",
        refusal: open ? refusal : undefined,
        inlinePolicies: inline,
        attachedPolicies: attached,
        groups: await this.#groups(username),
        policy: own === undefined ? "missing" : same ? "same" : "other",
      },
      open,
    );
  }

  /** Servers without groups refuse the question. */
  async #groups(UserName: string): Promise<readonly string[]> {
    try {
      const { Groups = [] } = await this.#clients.iam.send(new ListGroupsForUserCommand({ UserName }));
      return Groups.flatMap(({ GroupName }) => (GroupName === undefined ? [] : [GroupName]));
    } catch (error) {
      if (/NotImplemented|InvalidAction|UnknownOperation|MethodNotAllowed/.test(errorCode(error))) return [];
      throw describe(error, this.#where("ListGroupsForUser"));
    }
  }

  async remove(UserName: string): Promise<void> {
    const { iam } = this.#clients;
    if (!(await this.exists(UserName))) return;
    for (const { id } of await this.#keys(UserName)) await this.#deleteKey(UserName, id);
    await this.#removePolicies(UserName, false);
    await this.#unlessMissing("DeleteUser", () => iam.send(new DeleteUserCommand({ UserName })));
  }

  #policy(prefix: string): PolicyDocument {
    const { bucket, region } = this.#server;
    return prefixPolicy({ bucket, prefix, region, amazon: isAmazon(this.#server) });
  }

  /** Whether the user was not there before. */
  async #create(UserName: string): Promise<boolean> {
    try {
      await this.#call("CreateUser", () => this.#clients.iam.send(new CreateUserCommand({ UserName })));
      return true;
    } catch (error) {
      if (error instanceof ProviderError && errorCode(error.cause) === "EntityAlreadyExists") return false;
      throw error;
    }
  }

  async #keys(UserName: string) {
    const { AccessKeyMetadata = [] } = await this.#call("ListAccessKeys", () =>
      this.#clients.iam.send(new ListAccessKeysCommand({ UserName })),
    );
    return AccessKeyMetadata.flatMap(({ AccessKeyId, Status }) =>
      AccessKeyId === undefined ? [] : [{ id: AccessKeyId, active: Status !== "Inactive" }],
    );
  }

  async #policies(UserName: string) {
    const { iam } = this.#clients;
    const { PolicyNames: inline = [] } = await this.#call("ListUserPolicies", () =>
      iam.send(new ListUserPoliciesCommand({ UserName })),
    );
    const { AttachedPolicies = [] } = await this.#call("ListAttachedUserPolicies", () =>
      iam.send(new ListAttachedUserPoliciesCommand({ UserName })),
    );
    return {
      inline,
      attached: AttachedPolicies.flatMap(({ PolicyArn }) => (PolicyArn === undefined ? [] : [PolicyArn])),
    };
  }

  async #removePolicies(UserName: string, keepOwn: boolean): Promise<void> {
    const { iam } = this.#clients;
    const { inline, attached } = await this.#policies(UserName);
    for (const PolicyName of inline) {
      if (keepOwn && PolicyName === policyName) continue;
      await this.#unlessMissing("DeleteUserPolicy", () =>
        iam.send(new DeleteUserPolicyCommand({ UserName, PolicyName })),
      );
    }
    for (const PolicyArn of attached) {
      await this.#unlessMissing("DetachUserPolicy", () =>
        iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn })),
      );
    }
  }

  async #deleteKey(UserName: string, AccessKeyId: string): Promise<void> {
    await this.#unlessMissing("DeleteAccessKey", () =>
      this.#clients.iam.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId })),
    );
  }

  async #setStatus(UserName: string, AccessKeyId: string, Status: "Active" | "Inactive"): Promise<void> {
    await this.#call("UpdateAccessKey", () =>
      this.#clients.iam.send(new UpdateAccessKeyCommand({ UserName, AccessKeyId, Status })),
    );
  }

  /** IAM's answers come before their effect: waits until the key works, or is refused where the tenant is closed. */
  async #waitFor(context: CallContext, key: AccessKey, prefix: string, open: boolean): Promise<void> {
    const { limitMs, firstMs } = this.#wait;
    const deadline = Date.now() + limitMs;
    for (let pause = firstMs; ; pause = Math.min(pause * 1.5, 1_000)) {
      const refusal = await this.#refusal(key, prefix);
      if ((refusal === undefined) === open) return;
      if (Date.now() + pause > deadline) {
        throw new ProviderError(
          `${this.#where("ListObjectsV2")}: after ${limitMs / 1000} s the tenant's access key ` +
            (open ? `is still refused (${refusal ?? ""}).` : "still works.") +
            ` Look at the server's IAM, then run the update again.`,
        );
      }
      context.status(open ? "waiting until the access key works" : "waiting until the access key is refused");
      await sleep(pause, undefined, { signal: context.signal }).catch(() => {
        throw new ProviderError(
          `${this.#where("ListObjectsV2")}: cancelled while waiting for the tenant's access key.`,
        );
      });
    }
  }

  async #refusal(key: AccessKey, prefix: string): Promise<string | undefined> {
    try {
      await this.#clients.tryKey(key, prefix);
      return undefined;
    } catch (error) {
      const code = errorCode(error);
      if (/AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|Forbidden/.test(code)) return code;
      throw describe(error, this.#where("ListObjectsV2"));
    }
  }

  async #call<T>(what: string, send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      const described = describe(error, this.#where(what));
      throw described.cause === undefined ? new ProviderError(described.message, { cause: error }) : described;
    }
  }

  async #unlessMissing<T>(what: string, send: () => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#call(what, send);
    } catch (error) {
      if (error instanceof ProviderError && errorCode(error.cause) === "NoSuchEntity") return undefined;
      throw error;
    }
  }

  #where(what: string): string {
    return `${this.#server.iamEndpoint ?? this.#server.endpoint}, ${what}`;
  }
}
