/** How one attempt against a tenant's namespace is made, and the attempt as reports show it. */
import type { Place } from "../../components/kubernetes/settings.ts";
import { placeOf } from "../../components/kubernetes/settings.ts";
import type { Attempt, Outcome } from "../attempt.ts";
import { type Answer, type ApiRequest, outcomeOf, refusals } from "./api.ts";

export interface Scene {
  /** The attacker's. */
  readonly own: Place;
  /** The victim's. */
  readonly other: Place;
}

/** A store is what logins are for; this is about namespaces. */
export type NamespaceAttempt = Omit<Attempt, "store"> & { readonly store: "kubernetes" };

export interface Recipe extends Pick<Attempt, "aim" | "tries" | "why" | "source"> {
  /** Without `kubernetes/`. */
  readonly id: string;
  /**
   * - `account`: with the token of a service account of the attacker's namespace;
   * - `deployer`: with the platform's credentials in the attacker's namespace, for whoever is given the right to make
   *   pods there: what admission has to refuse.
   */
  readonly by: "account" | "deployer";
  readonly request: (scene: Scene) => ApiRequest;
  /**
   * What has to work with the platform's credentials, so that a denial is one.
   * @default the request itself
   */
  readonly control?: (scene: Scene) => ApiRequest;
  /**
   * What an answer of 2xx says, where it is not a leak by itself.
   */
  readonly reads?: (body: unknown) => Outcome;
  /** @default "403 Forbidden" */
  readonly expected?: Attempt["expected"];
  /** @default "none" */
  readonly harm?: Attempt["harm"];
  /** It names an object of CloudNativePG. */
  readonly needs?: "cloudnativepg";
}

export function attemptOf(recipe: Recipe): NamespaceAttempt {
  const { aim, tries, why, source, expected, harm } = recipe;
  return {
    id: `kubernetes/${recipe.id}`,
    store: "kubernetes",
    aim,
    tries,
    how: howOf(recipe),
    expected: expected ?? [refusals.rights],
    why,
    source,
    harm: harm ?? "none",
    control: "administrator",
  };
}

const example = (tenant: string): Place => placeOf({ tenant, prefix: "tenant", externalId: tenant, tier: "silo" });
export const exampleScene: Scene = { own: example("attacker"), other: example("victim") };

function howOf({ request, by }: Recipe): string {
  const { method, path, impersonate } = request(exampleScene);
  const as = impersonate === undefined ? "" : ` with Impersonate-User: ${impersonate}`;
  return `${method} ${path}${as}${by === "deployer" ? " by whoever may make pods there" : ""}`;
}

/**
 * Nothing that it asks for is carried out: the server checks rights and admission and leaves it at that
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run), or it is asked what it would allow.
 */
export function isDry({ path }: ApiRequest): boolean {
  return path.includes("dryRun=All") || path.endsWith("/selfsubjectaccessreviews");
}

/** Objects are validated before admission refuses them: one that is invalid says nothing of what would be admitted. */
export function read(recipe: Recipe, answer: Answer): Outcome {
  const outcome = outcomeOf(answer);
  if (outcome.kind !== "allowed") return outcome;
  if (answer.status < 300) return recipe.reads?.(answer.body) ?? outcome;
  return recipe.by === "deployer" ? { kind: "failed", reason: `the API server answers ${answer.status}` } : outcome;
}
