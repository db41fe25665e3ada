import { ServicesError } from "../error.ts";

/** What the manager answers instead of doing what it was asked for; `status` is the HTTP status. */
export class InstanceFault extends ServicesError {
  readonly status: 400 | 401 | 404 | 405 | 409 | 413 | 500 | 503;

  constructor(status: InstanceFault["status"], message: string) {
    super(message);
    this.status = status;
  }
}
