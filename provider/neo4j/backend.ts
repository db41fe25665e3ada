/** What the handler asks of a place where tenants have a database: a shared Enterprise server, or instances. */
import type { Finding } from "../finding.ts";
import type { CallContext } from "../handler.ts";
import type { Neo4jDatabaseInputs } from "../inputs.ts";
import type { Mark } from "../mark.ts";

/** What is there of a tenant. */
export interface Live {
  /** As in `Neo4j database "ekn-42"`. */
  readonly what: string;
  readonly mark: Mark | undefined;
}

/** Where a tenant's application connects and as whom. */
export interface Endpoint {
  readonly uri: string;
  readonly loginDatabase: string;
  readonly loginUser: string;
}

/** What `check` has to say of a database that shall be made. */
export interface Outlook {
  /** Refuses the preview. */
  readonly refusal?: string;
  readonly warning?: string;
}

export interface Neo4jBackend {
  /** Whether a further database can be made; nothing is changed. Called in `check` and again in `create`. */
  outlook(inputs: Neo4jDatabaseInputs, signal: AbortSignal): Promise<Outlook>;
  /** Undefined when nothing of the tenant is there. */
  find(context: CallContext, inputs: Neo4jDatabaseInputs): Promise<Live | undefined>;
  /** What of the tenant is inside, or why nobody can say; undefined where nothing is. */
  data(context: CallContext, inputs: Neo4jDatabaseInputs): Promise<string | undefined>;
  /**
   * Brings about what the inputs ask: database, login, state and mark. May run twice.
   *
   * @param endSessions whether connections made with an old password have to go
   */
  apply(context: CallContext, inputs: Neo4jDatabaseInputs, mark: Mark, endSessions: boolean): Promise<Endpoint>;
  drift(context: CallContext, inputs: Neo4jDatabaseInputs): Promise<readonly Finding[]>;
  /** What a preview knows of the endpoint. */
  endpoint(inputs: Neo4jDatabaseInputs): Partial<Endpoint>;
  /** Destroys the data, then everything else, the mark last. */
  remove(context: CallContext, inputs: Neo4jDatabaseInputs): Promise<void>;
  close(): Promise<void>;
}
