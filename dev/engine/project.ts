/** What Pulumi.yaml says of the program and its providers. */
import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

const projectSchema = z.object({
  name: z.string().min(1),
  main: z.string().default("."),
  plugins: z.object({ providers: z.array(z.object({ name: z.string(), path: z.string() })).default([]) }).prefault({}),
});
export type Project = z.infer<typeof projectSchema>;

export async function readProject(folder: string): Promise<Project> {
  const path = join(folder, "Pulumi.yaml");
  const parsed = projectSchema.safeParse(parse(await readFile(path, "utf8")));
  if (!parsed.success) throw new Error(`${path}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** Path of a provider's program: `plugins.providers` names the file or its folder. */
export async function providerExecutable(folder: string, project: Project, name: string): Promise<string> {
  const entry = project.plugins.providers.find((provider) => provider.name === name);
  if (entry === undefined) throw new Error(`Pulumi.yaml names no provider ${name} under plugins.providers`);
  const path = resolve(folder, entry.path);
  return (await stat(path)).isDirectory() ? join(path, `pulumi-resource-${name}`) : path;
}
