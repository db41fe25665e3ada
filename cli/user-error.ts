/** What a person can mend: shown as one message without a stack trace, exit code 1. */
export class UserError extends Error {
  override readonly name: string = "UserError";
}
