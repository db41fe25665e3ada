/**
 * `npm run preview:example -- aws|kubernetes`: what the stack would make of an example registry on a cloud, without an
 * account, a cluster or a server: the program runs and its registrations are listed.
 */
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { openProject, developmentStack } from "../cli/project.ts";
import { runMain } from "../cli/run-main.ts";
import { UserError } from "../cli/user-error.ts";
import { collectRegistrations, ProgramError } from "../policies/runner/registrations.ts";
import { programConfig } from "../policies/runner/stack-config.ts";
import { tree } from "./registration-tree.ts";

await runMain(async () => {
  const project = openProject(developmentStack);
  const examples = join(project.dir, "tenants", "examples");
  const names = readdirSync(examples).filter((name) => existsSync(join(examples, name, "platform.yaml")));
  const [name = ""] = process.argv.slice(2);
  if (!names.includes(name)) {
    throw new UserError(
      `${name === "" ? "no example is named" : `there is no example ${JSON.stringify(name)}`}; allowed are ` +
        `${names.join(", ")}: \`npm run preview:example -- ${names[0] ?? ""}\`.`,
    );
  }
  const registry = relative(project.dir, join(examples, name, "registry.yaml"));
  const { values } = programConfig(project, {
    platformFile: join(examples, name, "platform.yaml"),
    config: { "tenancy:registry": registry },
  });
  try {
    const resources = await collectRegistrations({
      projectDir: project.dir,
      project: project.name,
      stack: "example",
      main: "index.ts",
      config: values,
    });
    console.log(`what ${registry} would make (no server or account is asked)\n\n${tree(resources)}`);
  } catch (error) {
    if (error instanceof ProgramError) throw new UserError(error.message);
    throw error;
  }
});
