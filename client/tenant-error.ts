/** Why work for a tenant was not done, or not kept. */
export type TenantFault =
  /** The route or an option is wrong: nothing was sent. */
  | "arguments"
  /** The token is not of this tenant, has no allowed role or has ended: nothing was sent. */
  | "token"
  /** The server does not let this login work for the tenant now. */
  | "refused"
  /** A statement that would end the transaction or change whom it works for: it was not sent, and all was rolled back. */
  | "statement"
  /** The transaction was ended, or works for another than it began for: what had not been committed was rolled back. */
  | "left"
  /** A statement failed and the function went on: all was rolled back. */
  | "aborted"
  /** The connection was lost while the server committed: it may have kept the work or not. */
  | "outcome unknown"
  /** The transaction is over. */
  | "closed";

/** Errors of the database in the function's own statements come as pg gives them; this is for all else. */
export class TenantError extends Error {
  override readonly name = "TenantError";
  readonly tenant: string;
  readonly fault: TenantFault;

  constructor(tenant: string, fault: TenantFault, message: string, cause?: unknown) {
    super(`tenant ${JSON.stringify(tenant.slice(0, 80))}: ${message}`, cause === undefined ? undefined : { cause });
    this.tenant = tenant;
    this.fault = fault;
  }
}
