/** What `npm run generate` writes from the registry's schema: one schema for editors, one page for people. */
import { join } from "node:path";
import { editorSchema, reference } from "./reference.ts";

/** Path from the project's folder, and content; Markdown is formatted by the writer. */
export function registryDocuments(): readonly { readonly path: string; readonly content: string }[] {
  return [
    { path: join("tenants", "registry.schema.json"), content: `${JSON.stringify(editorSchema(), undefined, 2)}\n` },
    { path: join("docs", "registry.md"), content: reference() },
  ];
}
