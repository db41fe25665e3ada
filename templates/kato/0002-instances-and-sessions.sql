-- An instance of the application. Its names hold the whole tenant_id and nothing that is cut or hashed, so that no two
-- tenants' are ever the same: PROCESSOR_ID is processor, KB_ID is kb, and the API answers on api_host and api_port.
CREATE TABLE application_instances (
  tenant_id uuid NOT NULL DEFAULT own_tenant_id() REFERENCES tenants (tenant_id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  processor_id text NOT NULL CHECK (is_identifier_part(processor_id)),
  kb_id text NOT NULL CHECK (is_identifier_part(kb_id)),
  api_port integer NOT NULL CHECK (api_port BETWEEN 1024 AND 65535),
  processor text NOT NULL GENERATED ALWAYS AS (identifier_of(tenant_id, 'processor:' || processor_id)) STORED,
  kb text NOT NULL GENERATED ALWAYS AS (identifier_of(tenant_id, 'kb:' || kb_id)) STORED,
  api_host text NOT NULL GENERATED ALWAYS AS ('kato-' || tenant_id::text) STORED,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, processor_id),
  UNIQUE (tenant_id, kb_id),
  UNIQUE (tenant_id, api_port)
);

-- identifier is the key in Redis below the tenant's own prefix there, and in every log.
CREATE TABLE sessions (
  tenant_id uuid NOT NULL DEFAULT own_tenant_id() REFERENCES tenants (tenant_id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  session text NOT NULL CHECK (is_identifier_part(session)),
  identifier text NOT NULL GENERATED ALWAYS AS (identifier_of(tenant_id, 'session:' || session)) STORED,
  scope text NOT NULL CHECK (is_scope(scope)),
  state jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, session),
  CONSTRAINT sessions_expire_later CHECK (expires_at > created_at)
);

CREATE INDEX sessions_expiry ON sessions (tenant_id, expires_at);
CREATE INDEX sessions_scope ON sessions (tenant_id, scope, last_seen_at DESC);

-- Who reached for what. The application adds to it; in a pool it can change and delete nothing.
CREATE TABLE access_log (
  tenant_id uuid NOT NULL DEFAULT own_tenant_id(),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  at timestamptz NOT NULL DEFAULT now(),
  actor text NOT NULL CHECK (is_scope(actor)),
  action text NOT NULL CHECK (action IN ('read', 'write', 'delete', 'login', 'export')),
  resource text NOT NULL,
  allowed boolean NOT NULL,
  detail jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (tenant_id, id)
) {{partition_by_tenant}};

CREATE INDEX access_log_time ON access_log (tenant_id, at DESC);
CREATE INDEX access_log_actor ON access_log (tenant_id, actor, at DESC);

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END
$$;

CREATE TRIGGER application_instances_updated_at BEFORE UPDATE ON application_instances
  FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
