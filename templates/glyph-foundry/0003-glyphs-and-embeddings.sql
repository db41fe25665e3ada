CREATE TYPE glyph_type_enum AS ENUM ('point', 'anchor', 'path', 'region', 'cluster', 'label');

-- A place in space and time; t is when it was there, not when the row was written.
CREATE TABLE glyphs_4d (
  tenant_id uuid NOT NULL DEFAULT own_tenant_id() REFERENCES tenants (tenant_id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  glyph_type glyph_type_enum NOT NULL DEFAULT 'point',
  node_id uuid,
  x double precision NOT NULL,
  y double precision NOT NULL,
  z double precision NOT NULL,
  t timestamptz NOT NULL,
  properties jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, node_id) REFERENCES nodes_v2 (tenant_id, id) ON DELETE SET NULL (node_id)
) {{partition_by_tenant}};

-- All glyphs of a window of time, out of the index alone.
CREATE INDEX glyphs_4d_time ON glyphs_4d (tenant_id, t, id) INCLUDE (x, y, z, glyph_type, node_id);
CREATE INDEX glyphs_4d_node ON glyphs_4d (tenant_id, node_id, t);

-- Vectors by the model that made them; each belongs to a node or to a glyph, and has one of the two lengths.
CREATE TABLE embeddings_v2 (
  tenant_id uuid NOT NULL DEFAULT own_tenant_id() REFERENCES tenants (tenant_id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  node_id uuid,
  glyph_id uuid,
  model text NOT NULL CHECK (length(model) BETWEEN 1 AND 200),
  embedding_384 {{small_vector}},
  embedding_1536 {{large_vector}},
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT embeddings_v2_one_owner CHECK (num_nonnulls(node_id, glyph_id) = 1),
  CONSTRAINT embeddings_v2_one_length CHECK (num_nonnulls(embedding_384, embedding_1536) = 1),
  FOREIGN KEY (tenant_id, node_id) REFERENCES nodes_v2 (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, glyph_id) REFERENCES glyphs_4d (tenant_id, id) ON DELETE CASCADE
) {{partition_by_tenant}};

-- One vector a model and owner.
CREATE UNIQUE INDEX embeddings_v2_node ON embeddings_v2 (tenant_id, node_id, model);
CREATE UNIQUE INDEX embeddings_v2_glyph ON embeddings_v2 (tenant_id, glyph_id, model);
CREATE INDEX embeddings_v2_model ON embeddings_v2 (tenant_id, model);

CREATE TRIGGER glyphs_4d_updated_at BEFORE UPDATE ON glyphs_4d FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER embeddings_v2_updated_at BEFORE UPDATE ON embeddings_v2 FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
