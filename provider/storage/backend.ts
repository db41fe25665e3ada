/** What a kind of storage has to offer to the Prefix resource. */
import type { Finding } from "../finding.ts";
import type { CallContext } from "../handler.ts";
import type { PrefixInputs } from "../inputs.ts";

export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface StorageBackend {
  readMark(prefix: string): Promise<string | undefined>;
  writeMark(prefix: string, text: string): Promise<void>;
  removeMark(prefix: string): Promise<void>;
  /** What is there of the tenant beside data, as in `IAM user "ekn.42"`; undefined where nothing is. */
  exists(inputs: PrefixInputs): Promise<string | undefined>;
  /** The tenant's data, as in `object ekns/42/a`; undefined where there is nothing but empty folders. */
  data(inputs: PrefixInputs): Promise<string | undefined>;
  makeFolders(inputs: PrefixInputs): Promise<void>;
  /**
   * Makes access as the tenant's state asks and returns when it holds. Access keys other than `known` are deleted.
   *
   * @param known the key in the state; a new one is made where it is undefined or gone
   * @param rotate makes a new key although the known one is there, then deletes that
   */
  grant(context: CallContext, inputs: PrefixInputs, known: AccessKey | undefined, rotate: boolean): Promise<AccessKey>;
  drift(inputs: PrefixInputs, known: AccessKey): Promise<readonly Finding[]>;
  /** Takes all access away for good. */
  revoke(inputs: PrefixInputs): Promise<void>;
  /** Deletes everything under the prefix and proves by listing that nothing is left. */
  empty(context: CallContext, prefix: string): Promise<void>;
  close(): void;
}
