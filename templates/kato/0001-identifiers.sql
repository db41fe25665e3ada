-- One row: the tenant itself, written by the seed. What its slug and name are, the registry says.
CREATE TABLE tenants (
  tenant_id uuid NOT NULL,
  slug text NOT NULL CHECK (slug <> ''),
  name text NOT NULL CHECK (name <> ''),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id)
);

-- What a row gets that names no tenant, in a schema of the tenant's own: its one row of tenants. Bound when it is made, so
-- that no search_path leads it elsewhere.
CREATE FUNCTION own_tenant_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT tenants.tenant_id FROM tenants;
END;

-- A part of an identifier: none of the characters that separate parts (:), mean something in LIKE (% _ \) or in patterns
-- of Redis (* ? [ ]), or make a hash tag there ({ }).
CREATE FUNCTION is_identifier_part(part text) RETURNS boolean
  LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT part ~ '^[A-Za-z0-9][A-Za-z0-9.@-]{0,62}$'
$$;

-- What an identifier says below its tenant, in one of the forms that there are.
CREATE FUNCTION is_scope(scope text) RETURNS boolean
  LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  -- P stands for a part.
  SELECT scope ~ replace(
    '^(user:P|org:P:dept:P:user:P|team:P:shared|app:P:ctx:P:user:P|session:P|processor:P|kb:P)$',
    'P', '[A-Za-z0-9][A-Za-z0-9.@-]{0,62}')
$$;

-- The whole identifier: always below `tenant:{id}:`, whatever the scope holds.
CREATE FUNCTION identifier_of(tenant uuid, scope text) RETURNS text
  LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
BEGIN
  IF tenant IS NULL OR is_scope(scope) IS NOT TRUE THEN
    RAISE EXCEPTION USING ERRCODE = 'check_violation',
      MESSAGE = format('%s is no identifier of tenant %s', quote_nullable(scope), quote_nullable(tenant)),
      HINT = 'Allowed are user:{u}, org:{o}:dept:{d}:user:{u}, team:{t}:shared, app:{a}:ctx:{c}:user:{u}, session:{s}, '
        'processor:{p} and kb:{k}; a part has up to 63 letters, digits, ".", "@" and "-" and begins with a letter or digit.';
  END IF;
  RETURN 'tenant:' || tenant || ':' || scope;
END
$$;

-- Whether a text, as it comes back from another store, is an identifier of this tenant.
CREATE FUNCTION is_identifier(tenant uuid, identifier text) RETURNS boolean
  LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
BEGIN
  RETURN coalesce(starts_with(identifier, 'tenant:' || tenant || ':')
    AND is_scope(substr(identifier, length('tenant:' || tenant || ':') + 1)), false);
END
$$;
