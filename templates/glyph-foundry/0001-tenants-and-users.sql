CREATE TYPE user_role_enum AS ENUM ('owner', 'admin', 'editor', 'viewer');

-- One row: the tenant itself, written by the seed. What its slug and name are, the registry says.
CREATE TABLE tenants (
  tenant_id uuid NOT NULL,
  slug text NOT NULL CHECK (slug <> ''),
  name text NOT NULL CHECK (name <> ''),
  settings jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id)
);

-- What a row gets that names no tenant, in a schema of the tenant's own: its one row of tenants. Bound when it is made, so
-- that no search_path leads it elsewhere.
CREATE FUNCTION own_tenant_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT tenants.tenant_id FROM tenants;
END;

CREATE TABLE users (
  tenant_id uuid NOT NULL DEFAULT own_tenant_id() REFERENCES tenants (tenant_id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  email text NOT NULL CHECK (email = lower(email) AND email LIKE '_%@_%'),
  name text NOT NULL,
  role user_role_enum NOT NULL DEFAULT 'viewer',
  disabled_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, email)
);

-- The key itself is nowhere: key_hash is its SHA-256, key_prefix the few characters that people tell keys apart by.
CREATE TABLE api_keys (
  tenant_id uuid NOT NULL DEFAULT own_tenant_id(),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL,
  name text NOT NULL,
  key_prefix text NOT NULL CHECK (length(key_prefix) BETWEEN 1 AND 12),
  key_hash bytea NOT NULL CHECK (octet_length(key_hash) = 32),
  scopes text[] NOT NULL DEFAULT '{}' CHECK (array_position(scopes, NULL) IS NULL),
  last_used_at timestamptz,
  expires_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, key_hash),
  FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX api_keys_user ON api_keys (tenant_id, user_id);

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END
$$;

CREATE TRIGGER tenants_updated_at BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER users_updated_at BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
