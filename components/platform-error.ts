/** Configuration that a person can mend: shown without a stack trace. */
export class PlatformError extends Error {
  override readonly name = "PlatformError";
}
