/**
 * How a live ACL user differs from its rule. Servers rewrite rules when they read and save them, so the rule's text is
 * compared with what the same server makes of the same rule, tried on a scratch user.
 */
import { type Finding, repairable } from "../finding.ts";
import { ProviderError } from "../handler.ts";
import { type AclUser, closedRule, hashPassword, keyPrefixOf, openRule, type RedisServerInfo } from "./acl-rule.ts";
import type { RedisNode } from "./client.ts";

/** Fields of `ACL GETUSER`, each as text. */
type Fields = ReadonlyMap<string, string>;

interface References {
  readonly open: Fields;
  readonly closed: Fields;
  /** What becomes of the open rule's commands by being saved and read again. */
  readonly reloadedCommands: string;
}

const scratch = "tenancy:scratch";
const modelUser = (cluster: boolean): AclUser => ({ username: "model:0", keyPrefix: keyPrefixOf("model:0", cluster) });
const modelPassword = "model";

export class DriftFinder {
  readonly #references = new WeakMap<RedisServerInfo, Promise<References>>();

  /**
   * @param password undefined for a user that is to be closed
   * @param reply of `ACL GETUSER`
   * @returns a finding for each field that differs; empty where none does
   */
  async find(
    node: RedisNode,
    user: AclUser,
    password: string | undefined,
    reply: unknown,
  ): Promise<readonly Finding[]> {
    const at = `on Redis node ${node.address}`;
    const place = `ACL user ${user.username} ${at}`;
    if (reply === null) return [repairable(place, "missing", "there", `user ${user.username} is missing ${at}`)];
    const live = toFields(reply);
    const info = await node.info();
    let references = this.#references.get(info);
    if (references === undefined) {
      references = learn(node, info);
      this.#references.set(info, references);
      references.catch(() => this.#references.delete(info));
    }
    const { open, closed, reloadedCommands } = await references;
    const expected = password === undefined ? closed : open;
    const found: Finding[] = [];
    for (const field of new Set([...live.keys(), ...expected.keys()])) {
      const want = forUser(expected.get(field) ?? "", user, password, info.cluster);
      const have = live.get(field) ?? "";
      if (have === want) continue;
      if (field === "commands" && password !== undefined && have === reloadedCommands) continue;
      const sentence = `user ${user.username} has other ${field} than its rule gives ${at}`;
      const [is, should] = shown(field, have, want);
      found.push(repairable(`${place}: ${field}`, is, should, sentence));
    }
    return found;
  }
}

/** Both sides in words; of passwords their number only, since the server gives their hashes. */
function shown(field: string, have: string, want: string): readonly [string, string] {
  if (field === "passwords") {
    const [live, wanted] = [list(have), list(want)];
    const known = live.filter((hash) => wanted.includes(hash)).length;
    const is = `${live.length} ${live.length === 1 ? "password" : "passwords"}`;
    return wanted.length === 0
      ? [is, "no password"]
      : [`${is}, ${known === 0 ? "none of them the state's" : "one of them the state's"}`, "the state's alone"];
  }
  if (field === "commands") {
    const [live, wanted] = [have.split(" "), want.split(" ")];
    const further = live.filter((rule) => !wanted.includes(rule));
    const lost = wanted.filter((rule) => !live.includes(rule));
    return [further.join(" ") || "without what the rule has", lost.join(" ") || "without that"];
  }
  const words = (text: string) =>
    (text.startsWith("[") && field !== "selectors" ? list(text).join(" ") : text) || "none";
  return [words(have), words(want)];
}

function list(text: string): string[] {
  if (!text.startsWith("[")) return text === "" ? [] : [text];
  const parsed: unknown = JSON.parse(text);
  return Array.isArray(parsed) ? parsed.map(String) : [];
}

function forUser(text: string, user: AclUser, password: string | undefined, cluster: boolean): string {
  const named = text.replaceAll(modelUser(cluster).keyPrefix, user.keyPrefix);
  return password === undefined ? named : named.replaceAll(hashPassword(modelPassword), hashPassword(password));
}

function toFields(reply: unknown): Fields {
  const flat = Array.isArray(reply) ? (reply as unknown[]) : [];
  const fields = new Map<string, string>();
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const value = flat[index + 1];
    const name = String(flat[index]);
    // The order of flags and passwords says nothing.
    const text = Array.isArray(value) ? JSON.stringify(name === "selectors" ? value : value.toSorted()) : String(value);
    fields.set(name, text);
  }
  return fields;
}

async function learn(node: RedisNode, info: RedisServerInfo): Promise<References> {
  const model = modelUser(info.cluster);
  const open = await tryRule(node, openRule(model, modelPassword, info));
  const closed = await tryRule(node, closedRule(model, info));
  const reloaded = await tryRule(node, ["reset", ...(open.get("commands") ?? "").split(" ")]);
  return { open, closed, reloadedCommands: reloaded.get("commands") ?? "" };
}

/** In one transaction, so that nobody can log in as the scratch user and no save writes it. */
async function tryRule(node: RedisNode, rule: readonly string[]): Promise<Fields> {
  const replies = await node.run("ACL SETUSER of a scratch user", [
    ["MULTI"],
    ["ACL", "SETUSER", scratch, ...rule],
    ["ACL", "GETUSER", scratch],
    ["ACL", "DELUSER", scratch],
    ["EXEC"],
  ]);
  const results = replies[4];
  const reply: unknown = Array.isArray(results) ? results[1] : undefined;
  if (!Array.isArray(reply)) {
    throw new ProviderError(`Redis node ${node.address}: ACL GETUSER of a scratch user gave no description.`);
  }
  return toFields(reply);
}
