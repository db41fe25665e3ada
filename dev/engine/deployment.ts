/** Carries out a program's registrations: decides what each one means for the last state, and does it. */
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { StepKind } from "../../cli/engine.ts";
import { dependentsToReplace } from "./dependents.ts";
import { PartialFailure } from "./provider.ts";
import type { Checked, Difference, Provider } from "./provider.ts";
import { configurationOf } from "./providers.ts";
import { randomProvider } from "./random.ts";
import { formerUrns } from "./registration.ts";
import type { Registration } from "./registration.ts";
import { formatUrn, isProvider, packageOf, providerType, providerUrn, stackType } from "./resource.ts";
import type { Resource } from "./resource.ts";
import type { Run } from "./run.ts";
import { changedKeys, ignoreChanges, markKeys, unknown, unsupportedKind } from "./values.ts";
import type { Properties } from "./values.ts";

export interface Program {
  readonly project: string;
  readonly stack: string;
  /** Inputs of the default provider of a package: the configuration in its name space. */
  readonly defaults: (packageName: string) => Properties;
}

export class Deployment {
  readonly #run: Run;
  readonly #program: Program;
  readonly #replace: ReadonlySet<string>;
  readonly #claimed = new Set<string>();
  /** URN to the one that the resource had in the last state. */
  readonly #former = new Map<string, string>();
  readonly #taken = new Map<string, string>();
  readonly #defaults = new Map<string, Promise<Resource>>();
  /** Deleted already because something that they depend on is replaced. */
  readonly #deletedFirst = new Set<string>();
  #root = "";

  constructor(run: Run, program: Program) {
    this.#run = run;
    this.#program = program;
    this.#replace = new Set(run.options.replace);
  }

  get root(): string {
    return this.#root;
  }

  /** @throws Error that the run has noted already. */
  async register(asked: Registration): Promise<Resource> {
    const orphan = asked.parent === "" && asked.type !== stackType && !isProvider(asked.type);
    const goal = orphan ? { ...asked, parent: this.#root } : asked;
    const urn = formatUrn({ ...this.#program, ...goal });
    return this.#run.work(urn, async () => {
      const old = this.#claim(urn, goal);
      if (!goal.custom) return this.#component(urn, goal, old);
      if (isProvider(goal.type)) return this.#provider(urn, goal, old, true);
      return this.#custom(urn, goal, old);
    });
  }

  registerOutputs(urn: string, outputs: Properties): void {
    const resource = this.#run.snapshot.get(urn);
    if (resource === undefined) throw new Error(`outputs of ${urn}, which was not registered`);
    const kind = unsupportedKind(outputs);
    if (kind !== undefined) throw new Error(`${urn}: the local engine does not support ${kind} among outputs`);
    if (isDeepStrictEqual(resource.outputs, outputs)) return;
    this.#run.snapshot.replaceInPlace({ ...resource, outputs });
    this.#run.touch();
  }

  /** The resource's last state, by its URN or by an alias. */
  #claim(urn: string, goal: Registration): Resource | undefined {
    if (this.#claimed.has(urn))
      throw new Error(`two resources of the program have the URN ${urn}: give one another name`);
    this.#claimed.add(urn);
    if (goal.type === stackType) this.#root = urn;
    const former = formerUrns({ ...this.#program, ...goal }, goal.aliases, (parent) => this.#former.get(parent));
    for (const candidate of [urn, ...former]) {
      const old = this.#run.snapshot.old(candidate);
      const taker = this.#taken.get(candidate);
      if (taker !== undefined) throw new Error(`${candidate} is an alias of both ${taker} and ${urn}`);
      if (old === undefined) continue;
      if (candidate !== urn) {
        this.#former.set(urn, candidate);
        this.#taken.set(candidate, urn);
      }
      if (old.custom !== goal.custom) {
        throw new Error(`${urn}: a resource and a component cannot take each other's place; give it another name`);
      }
      return old;
    }
    return undefined;
  }

  #component(urn: string, goal: Registration, old: Resource | undefined): Resource {
    const changed = old === undefined ? [] : changedKeys(old.inputs, goal.inputs);
    const resource = build(urn, goal, { inputs: goal.inputs, outputs: old?.outputs ?? {}, id: "", provider: "" }, old);
    return this.#finish(old === undefined ? "create" : changed.length > 0 ? "update" : "same", resource, old, changed);
  }

  async #provider(urn: string, goal: Registration, old: Resource | undefined, shown: boolean): Promise<Resource> {
    const plugin = await this.#run.providers.open(urn);
    const asked: Properties = goal.version === "" ? goal.inputs : { ...goal.inputs, version: goal.version };
    const olds = old === undefined ? undefined : configurationOf(old.inputs);
    const checked = (await plugin?.checkConfig(urn, olds, asked)) ?? { inputs: asked, failures: [] };
    this.#assertChecked(urn, goal.type, checked);
    let changed: readonly string[] = [];
    if (old !== undefined && olds !== undefined) {
      const diff = await plugin?.diffConfig({ ...old, inputs: olds }, checked.inputs);
      if (diff !== undefined && diff.replaces.length > 0) {
        throw new Error(
          `the provider ${urn} asks for its replacement (${diff.replaces.join(", ")}), ` +
            "which the local engine does not support; use the Pulumi CLI",
        );
      }
      changed = diff?.changes === "some" ? diff.changed : changedKeys(olds, checked.inputs);
    }
    const id = old?.id ?? (this.#run.preview ? unknown : randomUUID());
    await plugin?.configure({ urn, id, inputs: checked.inputs });
    // As the CLI writes it: the engine's own key is there for default providers only.
    const inputs = shown ? checked.inputs : { __internal: {}, ...checked.inputs };
    const resource = build(urn, goal, { id, provider: "", inputs, outputs: checked.inputs }, old);
    const kind = old === undefined ? "create" : changed.length > 0 ? "update" : "same";
    return this.#finish(kind, resource, old, changed, shown);
  }

  /** `<urn>::<id>` of the provider that a resource names, or of its package's default one. */
  async #reference(goal: Registration): Promise<string> {
    if (goal.provider !== "") return goal.provider;
    const type = providerType(packageOf(goal.type));
    const name = goal.version === "" ? "default" : `default_${goal.version.replaceAll(/[^A-Za-z0-9]/g, "_")}`;
    const urn = formatUrn({ ...this.#program, parent: "", type, name });
    let provider = this.#defaults.get(urn);
    if (provider === undefined) {
      const inputs = this.#program.defaults(packageOf(goal.type));
      const own = { type, name, inputs, version: goal.version, parent: "", provider: "", custom: true, aliases: [] };
      const rest = { protect: false, dependencies: [], propertyDependencies: {}, deleteBeforeReplace: undefined };
      const none = { ignoreChanges: [], additionalSecretOutputs: [], retainOnDelete: false, deletedWith: "" };
      const registration = { ...own, ...rest, ...none };
      provider = this.#provider(urn, registration, this.#claim(urn, registration), false);
      this.#defaults.set(urn, provider);
    }
    return `${urn}::${(await provider).id}`;
  }

  async #custom(urn: string, goal: Registration, old: Resource | undefined): Promise<Resource> {
    const reference = await this.#reference(goal);
    const provider = (await this.#run.providers.open(providerUrn(reference))) ?? randomProvider;
    const wanted = ignoreChanges(old?.inputs ?? {}, goal.inputs, old === undefined ? [] : goal.ignoreChanges);
    const checked = await provider.check(urn, old?.inputs, wanted);
    this.#assertChecked(urn, goal.type, checked);
    const plan = { urn, goal, provider, reference, inputs: checked.inputs };
    if (old === undefined) return this.#create(plan, undefined, this.#deletedFirst.has(urn) ? "replace" : "create", []);
    if (this.#replace.has(urn) || this.#replace.has(old.urn)) return this.#replacement(plan, old, forced);
    const diff = await provider.diff({ ...old, urn }, checked.inputs, goal.ignoreChanges);
    const compared = diff.changed.length > 0 ? diff.changed : changedKeys(old.inputs, checked.inputs);
    const differs = diff.changes === "unknown" ? compared.length > 0 : diff.changes === "some";
    if (differs && diff.replaces.length > 0) {
      // Values that were carried over from the old object do not hold for a new one.
      const anew = await provider.check(urn, undefined, wanted);
      this.#assertChecked(urn, goal.type, anew);
      return this.#replacement({ ...plan, inputs: anew.inputs }, old, { ...diff, changed: compared });
    }
    if (differs || old.initErrors.length > 0) return this.#update(plan, old, compared);
    const parts = { id: old.id, provider: reference, inputs: checked.inputs, outputs: old.outputs };
    return this.#finish("same", build(urn, goal, parts, old), old, []);
  }

  async #create(plan: Plan, old: Resource | undefined, kind: StepKind, changed: readonly string[]): Promise<Resource> {
    const { urn, goal, provider, reference, inputs } = plan;
    this.#run.guard();
    const done = (parts: Pick<Resource, "id" | "inputs" | "outputs">, errors: readonly string[]): Resource => {
      const resource = build(urn, goal, { ...parts, provider: reference }, undefined);
      if (old !== undefined) this.#run.snapshot.condemn(old);
      return this.#finish(kind, { ...resource, initErrors: errors }, old, changed);
    };
    try {
      const made = await provider.create(urn, inputs, this.#run.preview);
      return done({ id: made.id, inputs, outputs: made.outputs }, []);
    } catch (error) {
      if (error instanceof PartialFailure)
        done({ id: error.id, outputs: error.outputs, inputs: error.inputs ?? inputs }, reasonsOf(error));
      throw error;
    }
  }

  async #update(plan: Plan, old: Resource, changed: readonly string[]): Promise<Resource> {
    const { urn, goal, provider, reference, inputs } = plan;
    this.#run.guard();
    const done = (parts: Pick<Resource, "inputs" | "outputs">, errors: readonly string[]): Resource => {
      const resource = build(urn, goal, { ...parts, id: old.id, provider: reference }, old);
      return this.#finish("update", { ...resource, initErrors: errors }, old, changed);
    };
    try {
      const outputs = await provider.update({ ...old, urn }, inputs, goal.ignoreChanges, this.#run.preview);
      return done({ inputs, outputs }, []);
    } catch (error) {
      if (error instanceof PartialFailure) {
        done({ outputs: error.outputs, inputs: error.inputs ?? inputs }, reasonsOf(error));
      }
      throw error;
    }
  }

  async #replacement(plan: Plan, old: Resource, diff: Difference): Promise<Resource> {
    const { goal, urn } = plan;
    if (old.protect && goal.protect) {
      throw new Error(
        `resource "${urn}" cannot be replaced (${diff.changed.join(", ")}) because it is protected: ` +
          "undo the change, or set its option `protect` to false first",
      );
    }
    if (goal.deleteBeforeReplace ?? diff.deleteBeforeReplace) {
      const dependents = await dependentsToReplace(old, this.#run, (other) => this.#claimed.has(other));
      for (const resource of [...dependents.toReversed(), old]) {
        this.#run.guard();
        await this.#deleteFirst(resource);
      }
      return this.#create(plan, undefined, "replace", diff.changed);
    }
    return this.#create(plan, old, "replace", diff.changed);
  }

  async #deleteFirst(resource: Resource): Promise<void> {
    const { snapshot, providers, preview, touch } = this.#run;
    if (!preview && !resource.retainOnDelete) {
      await (await providers.of(resource, (urn) => snapshot.now(urn))).delete(resource);
    }
    this.#deletedFirst.add(resource.urn);
    snapshot.remove(resource);
    touch();
  }

  #finish(
    kind: StepKind,
    resource: Resource,
    old: Resource | undefined,
    changed: readonly string[],
    shown = true,
  ): Resource {
    const same = kind === "same" && old !== undefined && isDeepStrictEqual(resource, old);
    // The old object itself, so that its text is not made again and an unchanged state is not written.
    const now = same ? old : resource;
    this.#run.snapshot.finish(now, old);
    if (!same) this.#run.touch();
    if (shown) this.#run.step({ kind, urn: resource.urn, changed });
    return now;
  }

  #assertChecked(urn: string, type: string, { failures }: Checked): void {
    const reasons = failures.map(({ property, reason }) => (property === "" ? reason : `${property}: ${reason}`));
    const [first, ...rest] = reasons;
    if (first === undefined) return;
    for (const reason of rest) this.#run.fail(`${type}: ${reason}`, urn);
    throw new Error(`${type}: ${first}`);
  }
}

interface Plan {
  readonly urn: string;
  readonly goal: Registration;
  readonly provider: Provider;
  readonly reference: string;
  readonly inputs: Properties;
}

const forced: Difference = { changes: "some", changed: ["id"], replaces: ["id"], deleteBeforeReplace: false };

function reasonsOf(error: PartialFailure): readonly string[] {
  return error.reasons.length > 0 ? error.reasons : [error.message];
}

function build(
  urn: string,
  goal: Registration,
  { id, inputs, outputs, provider }: Pick<Resource, "id" | "inputs" | "outputs" | "provider">,
  old: Resource | undefined,
): Resource {
  const now = new Date().toISOString();
  const made = markKeys(outputs, goal.additionalSecretOutputs);
  const unchanged = old !== undefined && isDeepStrictEqual(old.inputs, inputs) && isDeepStrictEqual(old.outputs, made);
  return {
    urn,
    custom: goal.custom,
    type: goal.type,
    id,
    inputs,
    outputs: made,
    parent: goal.parent,
    protect: goal.protect,
    dependencies: goal.dependencies,
    propertyDependencies: goal.propertyDependencies,
    provider,
    additionalSecretOutputs: goal.additionalSecretOutputs,
    ignoreChanges: goal.ignoreChanges,
    retainOnDelete: goal.retainOnDelete,
    deletedWith: goal.deletedWith,
    initErrors: [],
    delete: false,
    created: old?.created ?? now,
    modified: unchanged ? old.modified : now,
  };
}
