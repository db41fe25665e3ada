/** Makes every attempt of each tenant's service accounts against another tenant's namespace, and judges the answers. */
import { z } from "zod";
import type { Place } from "../../components/kubernetes/settings.ts";
import { messageOf } from "../../provider/message.ts";
import { type Control, judge, type Verdict } from "../assault.ts";
import type { Form, Outcome } from "../attempt.ts";
import { type Answer, type Api, ApiError, type ApiRequest, outcomeOf } from "./api.ts";
import { type Connection, connectionAttempt, tryConnection } from "./connection.ts";
import { recipes } from "./catalogue.ts";
import { attemptOf, isDry, type NamespaceAttempt, read, type Recipe, type Scene } from "./recipe.ts";
import { inside } from "./requests.ts";

export interface NamespaceResult {
  readonly attempt: NamespaceAttempt;
  readonly attacker: string;
  readonly victim: string;
  /** Name of the service account, or `deployer`: the platform's credentials in the attacker's namespace. */
  readonly account: string;
  readonly form: Form;
  readonly verdict: Verdict;
  readonly detail: string;
  readonly control?: Control;
}

export interface NamespaceRun {
  readonly results: readonly NamespaceResult[];
  /** Why something could not be tried at all. */
  readonly faults: readonly string[];
}

export interface NamespaceRunOptions {
  /** With the platform's credentials. */
  readonly administrator: Api;
  readonly pairs: readonly Scene[];
  readonly signal: AbortSignal;
  /** Left out: nothing is connected to, and no pod made. */
  readonly connection?: Connection;
}

/** Each attacks the next one, so that each is attacker and victim once. */
export function ring(places: readonly Place[]): Scene[] {
  return places.flatMap((own, at) => {
    const other = places[(at + 1) % places.length];
    return other === undefined || other === own ? [] : [{ own, other }];
  });
}

/** Never throws for what the API server does: that is a result or a fault. */
export async function runNamespaces(options: NamespaceRunOptions): Promise<NamespaceRun> {
  const { administrator, pairs, signal, connection } = options;
  const results: NamespaceResult[] = [];
  const faults: string[] = [];
  const add = (result: NamespaceResult): void => {
    results.push(result);
  };
  let missing: ReadonlySet<string>;
  try {
    missing = await missingParts(administrator);
  } catch (error) {
    return { results, faults: [messageOf(error)] };
  }
  for (const scene of pairs) {
    if (signal.aborted) {
      faults.push(`tenant ${scene.own.tenant}: stopped before its attempts`);
      continue;
    }
    try {
      await runPair(scene, administrator, missing, add);
      if (connection === undefined) continue;
      const made = await tryConnection(administrator, scene, connection);
      const who = {
        attacker: scene.own.tenant,
        victim: scene.other.tenant,
        account: "deployer",
        form: "real",
      } as const;
      add({ attempt: connectionAttempt, ...who, ...made });
    } catch (error) {
      faults.push(`tenant ${scene.own.tenant} against ${scene.other.tenant}: ${messageOf(error)}`);
    }
  }
  return { results, faults };
}

async function runPair(
  scene: Scene,
  administrator: Api,
  missing: ReadonlySet<string>,
  add: (result: NamespaceResult) => void,
): Promise<void> {
  for (const place of [scene.own, scene.other]) await assertNamespace(administrator, place);
  const controls = new Map<string, Promise<Control>>();
  const controlOf = (recipe: Recipe): Promise<Control> => {
    const known = controls.get(recipe.id) ?? control(recipe, scene, administrator);
    controls.set(recipe.id, known);
    return known;
  };
  const attack = async (account: string, api: Api, by: Recipe["by"]): Promise<void> => {
    for (const recipe of recipes.filter((one) => one.by === by)) {
      const attempt = attemptOf(recipe);
      const request = recipe.request(scene);
      const form = isDry(request) ? "dry" : "real";
      const who = { attempt, attacker: scene.own.tenant, victim: scene.other.tenant, account, form } as const;
      if (recipe.needs !== undefined && missing.has(recipe.needs)) {
        add({ ...who, verdict: "not made", detail: "the cluster has no CloudNativePG" });
        continue;
      }
      const outcome = await tried(recipe, request, api);
      const proof = await controlOf(recipe);
      add({ ...who, ...judge(attempt, outcome, proof, form), control: proof });
    }
  };
  for (const account of await accountsOf(administrator, scene.own.namespace)) {
    const api = await login(administrator, scene.own.namespace, account);
    try {
      await attack(account, api, "account");
    } finally {
      api.close();
    }
  }
  await attack("deployer", administrator, "deployer");
}

async function tried(recipe: Recipe, request: ApiRequest, api: Api): Promise<Outcome> {
  try {
    return read(recipe, await api.ask(request));
  } catch (error) {
    return { kind: "failed", reason: messageOf(error) };
  }
}

async function control(recipe: Recipe, scene: Scene, administrator: Api): Promise<Control> {
  const outcome = await tried(recipe, (recipe.control ?? recipe.request)(scene), administrator);
  if (outcome.kind === "allowed") return { kind: "proven", by: "administrator" };
  return { kind: "failed", reason: outcome.kind === "denied" ? `denied: ${outcome.code}` : outcome.reason };
}

/** Definitions that the cluster does not have. */
async function missingParts(administrator: Api): Promise<ReadonlySet<string>> {
  const answer = await administrator.ask({ method: "GET", path: "/apis/postgresql.cnpg.io/v1" });
  if (answer.status === 404) return new Set(["cloudnativepg"]);
  expectSuccess(answer, "the API server was asked whether it knows CloudNativePG");
  return new Set();
}

const namespaceSchema = z.object({ metadata: z.object({ labels: z.record(z.string(), z.string()).default({}) }) });

/** Another's namespace of the same name is not attacked. */
async function assertNamespace(administrator: Api, { tenant, namespace }: Place): Promise<void> {
  const answer = await administrator.ask({ method: "GET", path: `/api/v1/namespaces/${namespace}` });
  expectSuccess(answer, `namespace ${namespace} of tenant ${tenant}`);
  const { labels } = namespaceSchema.parse(answer.body).metadata;
  if (labels.tenant !== tenant || labels["app.kubernetes.io/managed-by"] !== "tenancy") {
    throw new ApiError(
      `namespace ${namespace} has label tenant ${JSON.stringify(labels.tenant ?? "")} and not "${tenant}": ` +
        "whose it is is not clear, so nothing is tried; see what `preview` says of it",
    );
  }
}

const listSchema = z.object({ items: z.array(z.object({ metadata: z.object({ name: z.string() }) })) });

/** All of them: CloudNativePG's instances have one of their own, with some rights in their namespace. */
async function accountsOf(administrator: Api, namespace: string): Promise<string[]> {
  const answer = await administrator.ask({ method: "GET", path: inside(namespace, "serviceaccounts") });
  expectSuccess(answer, `service accounts of namespace ${namespace}`);
  const names = listSchema.parse(answer.body).items.map(({ metadata }) => metadata.name);
  if (names.length === 0) throw new ApiError(`namespace ${namespace} has no service account to attack with`);
  return names.sort();
}

const tokenSchema = z.object({ status: z.object({ token: z.string().min(1) }) });
const whoSchema = z.object({ status: z.object({ userInfo: z.object({ username: z.string() }) }) });

/** A token of ten minutes, which the API server knows as the account's: another one's denials would prove nothing. */
async function login(administrator: Api, namespace: string, account: string): Promise<Api> {
  const made = await administrator.ask({
    method: "POST",
    path: inside(namespace, `serviceaccounts/${account}/token`),
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 600 } },
  });
  const what = `a token for service account ${account} of namespace ${namespace}`;
  expectSuccess(made, what);
  const token = tokenSchema.safeParse(made.body);
  if (!token.success) throw new ApiError(`${what}: the API server gave none`);
  const api = administrator.as(token.data.status.token);
  try {
    const who = await api.ask({
      method: "POST",
      path: "/apis/authentication.k8s.io/v1/selfsubjectreviews",
      body: { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" },
    });
    const parsed = whoSchema.safeParse(who.body);
    if (!parsed.success || parsed.data.status.userInfo.username !== `system:serviceaccount:${namespace}:${account}`) {
      throw new ApiError(`${what}: the API server does not know it as the account's (${who.status})`);
    }
    return api;
  } catch (error) {
    api.close();
    throw error;
  }
}

function expectSuccess(answer: Answer, what: string): void {
  if (answer.status >= 200 && answer.status < 300) return;
  const outcome = outcomeOf(answer);
  const told =
    outcome.kind === "denied"
      ? `the platform's credentials are refused: ${outcome.code}`
      : outcome.kind === "failed"
        ? outcome.reason
        : outcome.evidence.replace("authorised, then ", "the API server answers ");
  throw new ApiError(`${what}: ${told}`);
}
