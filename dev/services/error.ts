/** A fault that a person can mend: shown without a stack trace, never with a secret. */
export class ServicesError extends Error {
  override readonly name = "ServicesError";
}
