{{distance_function}}

CREATE TABLE patterns (
  tenant_id uuid NOT NULL DEFAULT own_tenant_id(),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  kb_id text NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 500),
  length integer NOT NULL CHECK (length > 0),
  observation_count bigint NOT NULL DEFAULT 1 CHECK (observation_count > 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  last_observed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, kb_id, name),
  FOREIGN KEY (tenant_id, kb_id) REFERENCES application_instances (tenant_id, kb_id) ON DELETE CASCADE
) {{partition_by_tenant}};

-- The newest of a knowledge base, out of the index alone; and what has not been seen for long.
CREATE INDEX patterns_newest ON patterns (tenant_id, kb_id, created_at DESC, id)
  INCLUDE (name, length, observation_count);
CREATE INDEX patterns_last_observed ON patterns (tenant_id, last_observed_at);

CREATE TABLE observations (
  tenant_id uuid NOT NULL DEFAULT own_tenant_id(),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  kb_id text NOT NULL,
  session_id uuid,
  scope text NOT NULL CHECK (is_scope(scope)),
  content jsonb NOT NULL,
  observed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, kb_id) REFERENCES application_instances (tenant_id, kb_id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE SET NULL (session_id)
) {{partition_by_tenant}};

CREATE INDEX observations_newest ON observations (tenant_id, kb_id, observed_at DESC, id);
CREATE INDEX observations_session ON observations (tenant_id, session_id, observed_at);
CREATE INDEX observations_age ON observations (tenant_id, observed_at);

-- A vector of a pattern, of an observation, or of neither.
CREATE TABLE memory_vectors (
  tenant_id uuid NOT NULL DEFAULT own_tenant_id(),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  kb_id text NOT NULL,
  pattern_id uuid,
  observation_id uuid,
  model text NOT NULL CHECK (length(model) BETWEEN 1 AND 200),
  embedding {{vector}},
  payload jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, kb_id) REFERENCES application_instances (tenant_id, kb_id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, pattern_id) REFERENCES patterns (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, observation_id) REFERENCES observations (tenant_id, id) ON DELETE CASCADE,
  CONSTRAINT memory_vectors_embedded CHECK (embedding IS NOT NULL),
  CONSTRAINT memory_vectors_one_owner CHECK (num_nonnulls(pattern_id, observation_id) <= 1)
) {{partition_by_tenant}};

CREATE INDEX memory_vectors_kb ON memory_vectors (tenant_id, kb_id);
CREATE INDEX memory_vectors_pattern ON memory_vectors (tenant_id, pattern_id);
CREATE INDEX memory_vectors_observation ON memory_vectors (tenant_id, observation_id);
CREATE INDEX memory_vectors_age ON memory_vectors (tenant_id, created_at);
