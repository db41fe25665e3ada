import * as pulumi from "@pulumi/pulumi";
import { TemplateError } from "../templates/load.ts";
import { RegistryError } from "../tenants/load.ts";
import { PlatformError } from "./platform.ts";

/** Runs the program; a mistake in registry, templates or configuration ends it with its message and no stack trace. */
export async function withUserFaults<T>(program: () => Promise<T>): Promise<T> {
  try {
    return await program();
  } catch (error) {
    if (error instanceof RegistryError || error instanceof TemplateError || error instanceof PlatformError) {
      throw new pulumi.RunError(error.message);
    }
    throw error;
  }
}
