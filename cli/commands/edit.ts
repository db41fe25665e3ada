/** `add`, `set`, `suspend`, `offboard` and `remove`: edits of the registry's files, checked before anything is written. */
import { relative } from "node:path";
import { Command, Option } from "commander";
import { rings } from "../../provider/inputs.ts";
import { quote, shownPath } from "../../tenants/faults.ts";
import type { Registry } from "../../tenants/load.ts";
import { tiers } from "../../tenants/settings.ts";
import { asker } from "../edit/ask.ts";
import { lineDiff } from "../edit/line-diff.ts";
import type { Change } from "../edit/files.ts";
import { parsePath, parseSetting, RegistryEditor } from "../edit/registry.ts";
import { type EditValue, setIn, valueIn } from "../edit/yaml-text.ts";
import { Repository } from "../plan/git.ts";
import { openProject, type Project } from "../project.ts";
import { UserError } from "../user-error.ts";
import { stackOption } from "./operations.ts";

interface Common {
  readonly stack: string;
  readonly dryRun?: boolean;
}

/** Settings that have a flag of their own. */
interface SettingFlags {
  readonly tier?: string;
  readonly pool?: string;
  readonly ring?: string;
  readonly cloneOf?: string;
  readonly cloneData?: boolean;
}

interface AddFlags extends Common, SettingFlags {
  readonly displayName?: string;
  readonly externalId?: string;
  readonly owner?: string;
  readonly profile?: string;
  readonly set?: string[];
  readonly ownFile?: boolean;
}

export function editCommands(): Command[] {
  return [
    settings("add", "add a tenant to the registry; asks for what the flags do not say")
      .argument("<id>", "id of the new tenant")
      .option("--display-name <text>", "name for people")
      .option("--external-id <id>", "its id in your other systems")
      .option("--owner <text>", "whom to ask about it")
      .option("--profile <name>", "profile that it takes its prefix and settings from")
      .option("--set <key=value...>", "further settings, as in postgres.connectionLimit=20")
      .option("--own-file", "in a file of its own in registry.d (default: where there is such a folder)")
      .option("--no-own-file", "in the registry's file")
      .action(add),
    settings("set", "change settings of a tenant's own record")
      .argument("<id>", "id of the tenant")
      .argument("[key=value...]", "as in postgres.connectionLimit=20 or state=active")
      .option("--unset <key...>", "take settings out, so that its profile or the defaults hold")
      .action(set),
    common("suspend", "close a tenant's logins and keep its data (back: set <id> state=active)")
      .argument("<id>", "id of the tenant")
      .action((id: string, flags: Common) => {
        set(id, ["state=suspended"], flags);
      }),
    common("offboard", "record that a tenant leaves: closes its logins, and permits `remove` after the next update")
      .argument("<id>", "id of the tenant")
      .option("--reason <text>", "why its data needs no backup")
      .option("--name <text>", "who says so")
      .option("--no-waiver", "record the leave only; its data is kept until a backup or a waiver is recorded")
      .action(offboard),
    common("remove", "take a tenant that is offboarding out of the registry: the next update deletes its data")
      .argument("<id>", "id of the tenant")
      .action(remove),
  ];
}

function settings(name: string, description: string): Command {
  return common(name, description)
    .addOption(new Option("--tier <tier>", "isolation model in PostgreSQL").choices(tiers))
    .option("--pool <name>", "pool of the registry that its rows lie in; its tier is pool then")
    .addOption(new Option("--ring <ring>", "when updates come to it").choices(rings))
    .option("--clone-of <id>", "tenant whose template, variables and additional SQL it takes")
    .option("--clone-data", "with --clone-of: that tenant's rows, too, when its schema is made");
}

/** As `key=value` would say the same. */
function settingsOf({ tier, pool, ring, cloneOf, cloneData }: SettingFlags): string[] {
  if (pool !== undefined && tier !== undefined && tier !== "pool") {
    throw new UserError(
      `--pool ${quote(pool)} is for tenants of the tier pool, and --tier is ${tier}: leave out one of the two.`,
    );
  }
  if (cloneData === true && cloneOf === undefined) throw new UserError("--clone-data needs --clone-of <id>.");
  return [
    ...(tier === undefined && pool === undefined ? [] : [`tier=${tier ?? "pool"}`]),
    ...(pool === undefined ? [] : [`postgres.pool=${pool}`]),
    ...(ring === undefined ? [] : [`ring=${ring}`]),
    ...(cloneOf === undefined ? [] : [`clone.of=${cloneOf}`]),
    ...(cloneData === true ? ["clone.data=true"] : []),
  ];
}

function common(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(stackOption())
    .option("--dry-run", "show the change and write nothing");
}

async function add(id: string, flags: AddFlags): Promise<void> {
  const project = openProject(flags.stack);
  const editor = new RegistryEditor(project);
  const asking = asker();
  try {
    const displayName = flags.displayName ?? (await asking.ask({ flag: "--display-name", text: "name for people" }));
    const externalId =
      flags.externalId ??
      (await asking.ask({ flag: "--external-id", text: "id in your other systems, as in org_123" }));
    const owner = flags.owner ?? (await asking.ask({ flag: "--owner", text: "owner, as in team@example.com" }));
    const profiles = editor.profiles();
    const profile = flags.profile ?? (await asking.ask({ flag: "--profile", text: "profile", choices: profiles }));
    const record = {
      displayName,
      externalId,
      owner,
      profile,
      ...nestedSettings([...settingsOf(flags), ...(flags.set ?? [])]),
    };
    finish(project, editor, editor.add(id, record, flags.ownFile), flags, `tenant ${id} added`);
  } finally {
    asking.close();
  }
}

/** `postgres.connectionLimit=20` as `{ postgres: { connectionLimit: 20 } }`. */
function nestedSettings(settings: readonly string[]): Record<string, EditValue> {
  let text = "{}\n";
  for (const setting of settings) {
    const [path, value] = parseSetting(setting);
    text = setIn(text, path, value);
  }
  return valueIn(text, []) as Record<string, EditValue>;
}

function set(id: string, given: string[], flags: Common & SettingFlags & { readonly unset?: string[] }): void {
  const unset = flags.unset ?? [];
  const settings = [...settingsOf(flags), ...given];
  if (settings.length + unset.length === 0) {
    throw new UserError("set: say what to change, as in postgres.connectionLimit=20 or --unset labels.plan.");
  }
  const project = openProject(flags.stack);
  const editor = new RegistryEditor(project);
  const edits = [...settings.map(parseSetting), ...unset.map((key) => [parsePath(key), undefined] as const)];
  const change = editor.set(editor.find(id), edits);
  finish(project, editor, change, flags, `tenant ${id} changed`);
}

interface OffboardFlags extends Common {
  readonly reason?: string;
  readonly name?: string;
  readonly waiver: boolean;
}

async function offboard(id: string, flags: OffboardFlags): Promise<void> {
  const project = openProject(flags.stack);
  const editor = new RegistryEditor(project);
  const place = editor.find(id);
  const asking = asker();
  try {
    const state = [["state"], "offboarding"] as const;
    if (!flags.waiver) {
      finish(project, editor, editor.set(place, [state]), flags, `tenant ${id} is to be offboarded`);
      return;
    }
    const reason =
      flags.reason ?? (await asking.ask({ flag: "--reason", text: `why the data of ${id} needs no backup` }));
    const name = flags.name ?? (await asking.ask({ flag: "--name", text: "who says so (your name)" }));
    const change = editor.set(place, [state, [["backupWaiver"], { reason, name }]]);
    finish(project, editor, change, flags, `tenant ${id} is to be offboarded`);
  } finally {
    asking.close();
  }
}

async function remove(id: string, flags: Common): Promise<void> {
  const project = openProject(flags.stack);
  const editor = new RegistryEditor(project);
  const place = editor.find(id);
  const state = editor.value(place, ["state"]);
  const how = `Run \`npm run -s tenancy -- offboard ${id}\`, let an update record it, and then remove it.`;
  if (state !== "offboarding") {
    throw new UserError(
      `tenant ${id}: its state is ${typeof state === "string" ? quote(state) : "active"}, and only a tenant whose ` +
        `offboarding is recorded may be removed. Nothing was written. ${how}`,
    );
  }
  const committed = await committedState(project, place.file, place.path);
  if (committed !== undefined && committed !== "offboarding") {
    throw new UserError(
      `tenant ${id}: its offboarding is in no commit yet, so that no update can have recorded it. Nothing was ` +
        `written. Commit it, let an update record it (\`npm run up\`), and then remove it.`,
    );
  }
  const note = "the next update deletes its data, unless the roster has not recorded its offboarding yet";
  finish(project, editor, editor.remove(place), flags, `tenant ${id} removed: ${note}`);
}

/** State in the last commit; undefined without a repository or commit to look at. */
async function committedState(project: Project, file: string, path: readonly string[]): Promise<string | undefined> {
  let repository: Repository;
  try {
    repository = await Repository.open(project.dir);
  } catch {
    return undefined;
  }
  const head = await repository.head();
  if (head === undefined) return undefined;
  const below = relative(project.dir, file);
  const contents = await repository.contents(
    (await repository.files(head, [below])).filter(({ kind }) => kind === "file"),
  );
  const text = contents.get(below)?.toString("utf8");
  if (text === undefined) return "none";
  const state = valueIn(text, [...path, "state"]);
  return typeof state === "string" ? state : "active";
}

function finish(project: Project, editor: RegistryEditor, change: Change, flags: Common, done: string): void {
  const registry: Registry = editor.apply(change, flags.dryRun === true);
  const file = shownPath(change.file);
  if (change.before === change.after) {
    console.log(`${file}: nothing to change`);
    return;
  }
  for (const line of lineDiff(change.before ?? "", change.after ?? "")) console.log(line);
  const count = registry.tenants.length;
  console.log(`${file}: ${done}; ${count} ${count === 1 ? "tenant" : "tenants"}, no faults`);
  console.log(
    flags.dryRun === true
      ? "nothing was written (--dry-run)"
      : `next: git diff; npm run preview${project.stack === "dev" ? "" : ` -- --stack ${project.stack}`}; commit it and open a pull request`,
  );
}
