/** Parameters of every server that is made on Amazon RDS: TLS, SCRAM, and logs without passwords. */

export interface RdsParameter {
  readonly name: string;
  readonly value: string;
  readonly applyMethod: "pending-reboot";
}

/**
 * `postgres18`, `aurora-postgresql17`: a group belongs to one major version.
 *
 * @param engineVersion - as in `18` or `18.1`
 */
export function parameterFamily(engine: "postgres" | "aurora-postgresql", engineVersion: string): string {
  return `${engine}${Number.parseInt(engineVersion, 10)}`;
}

/**
 * The group is there before its first server, so that all of them hold from the server's first start;
 * `pending-reboot` is the one method that static and dynamic parameters take.
 */
export function rdsParameters(): RdsParameter[] {
  const values = {
    "rds.force_ssl": "1",
    ssl_min_protocol_version: "TLSv1.2",
    password_encryption: "scram-sha-256",
    "rds.accepted_password_auth_method": "scram",
    // https://www.postgresql.org/docs/18/runtime-config-logging.html: texts of statements and their parameters may
    // hold passwords and tenants' data, those of failing and of slow statements, too.
    log_statement: "none",
    log_min_duration_statement: "-1",
    log_min_error_statement: "panic",
    log_parameter_max_length: "0",
    log_parameter_max_length_on_error: "0",
  };
  return Object.entries(values).map(([name, value]) => ({ name, value, applyMethod: "pending-reboot" }));
}
