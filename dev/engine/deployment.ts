/** Carries out a program's registrations: decides what each one means for the last state, and does it. */
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { StepKind } from "../../cli/engine.ts";
import type { Checked, Difference, Provider } from "./plugin.ts";
import type { Registration } from "./registration.ts";
import { formatUrn, parseUrn, randomProviderType, references, stackType, tenancyProviderType } from "./resource.ts";
import type { Resource } from "./resource.ts";
import { providerOf, Stopped } from "./run.ts";
import type { Run } from "./run.ts";
import { changedKeys, hasUnknowns, hasUnsupported, markKeys } from "./values.ts";
import type { Properties } from "./values.ts";

export interface Program {
  readonly project: string;
  readonly stack: string;
}

interface Plan {
  readonly urn: string;
  readonly goal: Registration;
  readonly provider: Provider;
  /** As the resource holds it. */
  readonly reference: string;
}

export class Deployment {
  /** URN of the stack. */
  root = "";
  /** The stack's outputs are known and not those of the last state. */
  outputsChanged = false;
  readonly #run: Run;
  readonly #program: Program;
  /** Resources of the last state that are taken: their URN to the one that the program gives them. */
  readonly #claims = new Map<string, string>();
  /** All URNs that the aliases of a resource stand for. */
  readonly #formerUrns = new Map<string, readonly string[]>();
  #hasProvider = false;

  constructor(run: Run, program: Program) {
    this.#run = run;
    this.#program = program;
  }

  /** @throws Stopped */
  async register(goal: Registration): Promise<Resource> {
    const urn = formatUrn({ ...this.#program, ...goal });
    return this.#run.work(async () => {
      const old = this.#claim(urn, goal);
      if (goal.type === stackType) this.root = urn;
      if (goal.type === tenancyProviderType) return this.#provider(urn, goal, old);
      return goal.custom ? this.#custom(urn, goal, old) : this.#component(urn, goal, old);
    }, urn);
  }

  registerOutputs(urn: string, outputs: Properties): void {
    const resource = this.#run.snapshot.finished(urn);
    if (resource === undefined) throw new Error(`outputs of ${urn}, which was not registered`);
    if (hasUnsupported(outputs)) {
      throw new Error(`${urn}: the local engine does not support assets, archives or resources among outputs`);
    }
    if (urn === this.root) {
      const before = this.#run.snapshot.last(urn)?.outputs ?? {};
      this.outputsChanged = !hasUnknowns(outputs) && changedKeys(before, outputs).length > 0;
    }
    if (isDeepStrictEqual(resource.outputs, outputs)) return;
    this.#run.snapshot.finish({ ...resource, outputs }, undefined);
    this.#run.touch();
  }

  /** The resource's last state, by its URN or by an alias, its own or inherited from its parent. */
  #claim(urn: string, goal: Registration): Resource | undefined {
    const former = [...new Set(this.#aliasesOf(goal))].filter((candidate) => candidate !== urn);
    this.#formerUrns.set(urn, former);
    for (const candidate of [urn, ...former]) {
      const old = this.#run.snapshot.last(candidate);
      if (old === undefined && candidate !== urn) continue;
      const other = this.#claims.get(candidate);
      if (other === urn) throw new Error(`two resources of the program have the URN ${urn}: give one another name`);
      if (other !== undefined) throw new Error(`${candidate} is claimed by ${other} and ${urn}: mend their aliases`);
      this.#claims.set(candidate, urn);
      if (old === undefined) continue;
      if (old.custom !== goal.custom) {
        throw new Error(`${urn}: a resource and a component cannot take each other's place; give it another name`);
      }
      return old;
    }
    return undefined;
  }

  #aliasesOf(goal: Registration): string[] {
    return [{}, ...goal.aliases].flatMap((alias) => {
      if (typeof alias === "string") return [alias];
      const parent = alias.parent ?? goal.parent;
      const name = alias.name ?? goal.name;
      const parentName = parseUrn(parent).name;
      return [parent, ...(this.#formerUrns.get(parent) ?? [])].map((above) => {
        // A child named `<parent>-…` was named after the parent's former name.
        const begin = name.startsWith(parentName) ? parseUrn(above).name + name.slice(parentName.length) : name;
        return formatUrn({ ...this.#program, type: goal.type, ...alias, name: begin, parent: above });
      });
    });
  }

  #component(urn: string, goal: Registration, old: Resource | undefined): Resource {
    return this.#record(
      build(urn, goal, { id: "", provider: "", inputs: goal.inputs, outputs: old?.outputs ?? {} }),
      old,
    );
  }

  async #provider(urn: string, goal: Registration, old: Resource | undefined): Promise<Resource> {
    if (this.#hasProvider) throw new Error(`${urn}: the local engine does not support a second provider of tenancy`);
    this.#hasProvider = true;
    const inputs = this.#checked(urn, await this.#run.plugin.checkConfig(urn, old?.inputs, goal.inputs));
    const id = old?.id ?? (this.#run.preview ? "" : randomUUID());
    return this.#record(build(urn, goal, { id, provider: "", inputs, outputs: inputs }), old);
  }

  /** A component or provider: nothing but the state knows it. */
  #record(resource: Resource, old: Resource | undefined): Resource {
    const changed = old === undefined ? [] : changedKeys(old.inputs, resource.inputs);
    return this.#finish(old === undefined ? "create" : changed.length > 0 ? "update" : "same", resource, old, changed);
  }

  /** As the CLI writes it into its state, so that either engine can go on with the other's. */
  #defaultProvider({ version }: Registration): Resource {
    const type = randomProviderType;
    const name = version === "" ? "default" : `default_${version.replaceAll(/[^A-Za-z0-9]/g, "_")}`;
    const urn = formatUrn({ ...this.#program, parent: "", type, name });
    const known = this.#run.snapshot.finished(urn);
    if (known !== undefined) return known;
    const old = this.#run.snapshot.last(urn);
    const outputs: Properties = version === "" ? {} : { version };
    const inputs: Properties = { __internal: {}, ...outputs };
    const goal = { type, custom: true, parent: "", protect: false, dependencies: [], additionalSecretOutputs: [] };
    const resource = build(urn, goal, { id: old?.id ?? randomUUID(), provider: "", inputs, outputs });
    this.#run.snapshot.finish(resource, old);
    return resource;
  }

  async #custom(urn: string, goal: Registration, old: Resource | undefined): Promise<Resource> {
    const owner = goal.provider === "" ? this.#defaultProvider(goal) : undefined;
    const reference = owner === undefined ? goal.provider : `${owner.urn}::${owner.id}`;
    const provider = providerOf(this.#run, goal.type);
    const plan: Plan = { urn, goal, provider, reference };
    const inputs = this.#checked(urn, await provider.check(urn, old?.inputs, goal.inputs));
    if (old === undefined) return this.#create(plan, inputs, undefined, "create", []);
    const wanted = this.#run.options.replace ?? [];
    const diff =
      wanted.includes(urn) || wanted.includes(old.urn) ? forced : await provider.diff({ ...old, urn }, inputs);
    if (diff.differs && diff.replaces.length > 0) return this.#replace(plan, old, diff);
    if (diff.differs) {
      this.#run.guard();
      const outputs = await provider.update({ ...old, urn }, inputs, this.#run.preview);
      const resource = build(urn, goal, { id: old.id, provider: reference, inputs, outputs });
      return this.#finish("update", resource, old, diff.changed);
    }
    const resource = build(urn, goal, { id: old.id, provider: reference, inputs, outputs: old.outputs });
    return this.#finish("same", resource, old, []);
  }

  async #replace(plan: Plan, old: Resource, diff: Difference): Promise<Resource> {
    const { urn, goal, provider } = plan;
    const { snapshot, preview } = this.#run;
    if (old.protect && goal.protect) {
      throw new Error(
        `resource "${urn}" cannot be replaced (${diff.changed.join(", ")}) because it is protected: ` +
          "undo the change, or set its option `protect` to false first",
      );
    }
    // Values that were carried over from the old object do not hold for a new one.
    const inputs = this.#checked(urn, await provider.check(urn, undefined, goal.inputs));
    if (!diff.deleteBeforeReplace) return this.#create(plan, inputs, old, "replace", diff.changed);
    const dependent = snapshot.leftovers().find((other) => references(other).includes(old.urn));
    if (dependent !== undefined) {
      throw new Error(
        `resource "${urn}" has to be deleted before its replacement is made, which the local engine does not do ` +
          `while others depend on it ("${dependent.urn}"); use the Pulumi CLI`,
      );
    }
    this.#run.guard();
    if (!preview) await provider.delete(old);
    snapshot.remove(old);
    this.#run.touch();
    return this.#create(plan, inputs, undefined, "replace", diff.changed);
  }

  /** @param replaced is deleted at the end of the run. */
  async #create(
    { urn, goal, provider, reference }: Plan,
    inputs: Properties,
    replaced: Resource | undefined,
    kind: StepKind,
    changed: readonly string[],
  ): Promise<Resource> {
    this.#run.guard();
    const { id, outputs } = await provider.create(urn, inputs, this.#run.preview);
    if (replaced !== undefined) this.#run.snapshot.condemn(replaced);
    return this.#finish(kind, build(urn, goal, { id, provider: reference, inputs, outputs }), replaced, changed);
  }

  #finish(kind: StepKind, resource: Resource, old: Resource | undefined, changed: readonly string[]): Resource {
    // The old object itself where nothing changed, so that its text is not made again and the state not written.
    const same = old !== undefined && isDeepStrictEqual(resource, old);
    this.#run.snapshot.finish(same ? old : resource, old);
    if (!same) this.#run.touch();
    this.#run.step({ kind, urn: resource.urn, changed });
    return resource;
  }

  #checked(urn: string, { inputs, failures }: Checked): Properties {
    for (const failure of failures) this.#run.fail(`${parseUrn(urn).type}: ${failure}`, urn);
    if (failures.length > 0) throw new Stopped();
    return inputs;
  }
}

const forced: Difference = { differs: true, changed: ["id"], replaces: ["id"], deleteBeforeReplace: false };

function build(
  urn: string,
  goal: Omit<Registration, "name" | "inputs" | "provider" | "version" | "aliases">,
  { id, inputs, outputs, provider }: Pick<Resource, "id" | "inputs" | "outputs" | "provider">,
): Resource {
  const { custom, type, parent, protect, dependencies, additionalSecretOutputs } = goal;
  const own = { custom, type, parent, protect, dependencies, additionalSecretOutputs };
  return { urn, ...own, id, inputs, outputs: markKeys(outputs, additionalSecretOutputs), provider, delete: false };
}
