import { UserError } from "../../cli/user-error.ts";

/** A fault that a person can mend: shown without a stack trace, never with a secret. */
export class ServicesError extends UserError {
  override readonly name = "ServicesError";
}
