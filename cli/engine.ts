/** What the commands need of an engine: the Pulumi CLI, or the local one for development and tests. */

export const operations = ["preview", "up", "refresh", "destroy"] as const;
export type Operation = (typeof operations)[number];

export type StepKind = "same" | "create" | "update" | "replace" | "delete" | "read" | "refresh";

/** One resource's part in an operation, as planned (preview) or as carried out. */
export interface Step {
  readonly kind: StepKind;
  readonly urn: string;
  /** Paths of the inputs that differ, for update and replace. Never values: they may be secret. */
  readonly changed: readonly string[];
}

export interface Diagnostic {
  readonly severity: "info" | "warning" | "error";
  readonly urn?: string;
  readonly message: string;
}

export interface RunOptions {
  readonly onStep?: (step: Step) => void;
  readonly onDiagnostic?: (diagnostic: Diagnostic) => void;
  /** One line of a resource that is under way, as in "waiting for a lock". */
  readonly onStatus?: (urn: string, message: string) => void;
  /** Of a refresh: tells what differs and leaves the state as it is. */
  readonly previewOnly?: boolean;
  /** URNs to replace although nothing asks for it. */
  readonly replace?: readonly string[];
  /** Ids of tenants whose data `create` may take over. */
  readonly adopt?: readonly string[];
  /** Saves the state at the end only, where nothing can be orphaned by a crash. */
  readonly skipCheckpoints?: boolean;
  readonly signal?: AbortSignal;
}

export interface RunResult {
  readonly ok: boolean;
  readonly steps: readonly Step[];
  readonly diagnostics: readonly Diagnostic[];
  /** Of a preview: outputs of the stack differ, as after a server got another address. */
  readonly outputsChanged?: boolean;
}

/** The form of `pulumi stack export`. */
export interface StackExport {
  readonly version: number;
  readonly deployment: Record<string, unknown>;
}

export interface Engine {
  readonly name: "pulumi" | "local";
  /** As in `Pulumi CLI 3.260.0`: said in the first line of every operation. */
  readonly title: string;
  run(operation: Operation, options?: RunOptions): Promise<RunResult>;
  /** Outputs of the stack with secrets in plain text: only for the process's own use. */
  outputs(): Promise<Readonly<Record<string, unknown>>>;
  /**
   * The stack's configuration by full key, as in `tenancy:platformFile`, with secure values in plain text: only for the
   * process's own use. Objects are JSON text.
   */
  config(): Promise<Readonly<Record<string, string>>>;
  exportState(): Promise<StackExport>;
  importState(state: StackExport): Promise<void>;
}
