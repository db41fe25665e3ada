/** An attempt on Redis or Valkey as the commands that make it. The text of `how` comes from the same commands. */
import type { Command } from "../../provider/redis/client.ts";
import type { Attempt } from "../attempt.ts";
import { fixtureKey } from "./fixtures.ts";

export interface Login {
  readonly username: string;
  readonly password: string;
}

/** The names that commands are made from. */
export interface Scene {
  /** A key or channel of the attacker's own. */
  readonly own: (name: string) => string;
  /** A key or channel of the victim. */
  readonly theirs: (name: string) => string;
  /** Usernames: what a key prefix is without its colon. */
  readonly attacker: string;
  readonly victim: string;
  /** A name that begins with the attacker's, which a pattern without the colon would give away. */
  readonly sibling: string;
  /** Who is logged in: the attacker, or in a control the victim or the administrator. */
  readonly login: Login;
  /** Username of the platform's own login. */
  readonly administrator: string;
}

/**
 * Where an attempt is made: on the attacker's kept connection, on one that has logged nobody in, or on a connection
 * without TLS.
 */
export type Channel = "own" | "anonymous" | "plain";

export interface RedisAttempt extends Attempt {
  readonly channel: Channel;
  /** Sent in one go. It is denied when the server refuses one of the commands for want of permission. */
  readonly send: (scene: Scene) => readonly Command[];
  /** Sent with them, whatever they answer: brings the connection and the attacker's keys back to where they were. */
  readonly restore?: (scene: Scene) => readonly Command[];
  /** What the control sends, where the same commands work for nobody. */
  readonly prove?: (scene: Scene) => readonly Command[];
  /** Errors that only those get whom the rule has let through: what a control may answer, too. */
  readonly behind?: RegExp;
}

type Derived = "store" | "how" | "expected" | "harm" | "control" | "channel" | "id";

/** An attempt with what most of them share left out. */
export type Draft = Omit<RedisAttempt, Derived> &
  Partial<Pick<RedisAttempt, "expected" | "harm" | "control" | "channel" | "how">> & { readonly id: string };

/** @param draft its id without the store; NOPERM, harm `none` and the victim's control are what is left out */
export function define(draft: Draft): RedisAttempt {
  return {
    expected: ["NOPERM"],
    harm: "none",
    control: "victim",
    channel: "own",
    how: draft.send(placeholders).map(textOf).join("; "),
    ...draft,
    id: `redis/${draft.id}`,
    store: "redis",
  };
}

/** The page of a command in Redis' reference. */
export function page(command: string): string {
  return `https://redis.io/docs/latest/commands/${command}/`;
}

export function cve(number: string): string {
  return `https://nvd.nist.gov/vuln/detail/CVE-${number}`;
}

export const aclPage = "https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/";
export const securityPage = "https://redis.io/docs/latest/operate/oss_and_stack/management/security/";

const placeholders: Scene = {
  own: (name) => `attacker:${name}`,
  theirs: (name) => `victim:${name}`,
  attacker: "attacker",
  victim: "victim",
  sibling: "attacker2",
  login: { username: "attacker", password: "<password of attacker>" },
  administrator: "<administrator>",
};

function textOf(command: Command): string {
  return command.map((part) => (part === "" ? '""' : /\s/.test(String(part)) ? JSON.stringify(part) : part)).join(" ");
}

/** @param keyPrefix of whoever owns the keys */
export function namesUnder(keyPrefix: string): (name: string) => string {
  return (name) => fixtureKey(keyPrefix, name);
}
