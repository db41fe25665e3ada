CREATE TYPE node_kind_enum AS ENUM (
  'glyph', 'message', 'document', 'conversation', 'person', 'organisation', 'place', 'event', 'concept', 'media', 'code'
);
CREATE TYPE edge_type_enum AS ENUM (
  'references', 'replies_to', 'contains', 'derived_from', 'similar_to', 'mentions', 'precedes', 'authored_by', 'located_at',
  'related_to'
);
CREATE TYPE tag_category_enum AS ENUM ('topic', 'project', 'person', 'place', 'status', 'source', 'system');

{{distance_functions}}

CREATE TABLE nodes_v2 (
  tenant_id uuid NOT NULL DEFAULT own_tenant_id() REFERENCES tenants (tenant_id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  kind node_kind_enum NOT NULL,
  name text NOT NULL CHECK (length(name) <= 500),
  properties jsonb NOT NULL DEFAULT '{}',
  embedding_384 {{small_vector}},
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
) {{partition_by_tenant}};

-- The most recent nodes, out of the index alone; and those of one kind.
CREATE INDEX nodes_v2_recent ON nodes_v2 (tenant_id, created_at DESC, id) INCLUDE (kind, name);
CREATE INDEX nodes_v2_kind ON nodes_v2 (tenant_id, kind, created_at DESC) INCLUDE (id, name);
CREATE INDEX nodes_v2_name ON nodes_v2 (tenant_id, name);

CREATE TABLE edges_v2 (
  tenant_id uuid NOT NULL DEFAULT own_tenant_id(),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  edge_type edge_type_enum NOT NULL,
  source_id uuid NOT NULL,
  target_id uuid NOT NULL,
  weight real NOT NULL DEFAULT 1.0,
  properties jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, source_id) REFERENCES nodes_v2 (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, target_id) REFERENCES nodes_v2 (tenant_id, id) ON DELETE CASCADE
) {{partition_by_tenant}};

-- One hop in either direction, and the edges among a set of nodes, out of the index alone.
CREATE INDEX edges_v2_out ON edges_v2 (tenant_id, source_id, edge_type, target_id) INCLUDE (id, weight);
CREATE INDEX edges_v2_in ON edges_v2 (tenant_id, target_id, edge_type, source_id) INCLUDE (id, weight);

-- A hierarchy: path is the slugs from the root down, as in art.painting.oil, kept by a trigger. A slug has no character
-- with a meaning in LIKE, so that `path LIKE 'art.painting.%'` finds what lies below and nothing else.
CREATE TABLE tags_v2 (
  tenant_id uuid NOT NULL DEFAULT own_tenant_id() REFERENCES tenants (tenant_id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  parent_id uuid,
  category tag_category_enum NOT NULL DEFAULT 'topic',
  slug text NOT NULL CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  name text NOT NULL,
  path text COLLATE "C" NOT NULL CHECK (length(path) <= 1000),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, path),
  FOREIGN KEY (tenant_id, parent_id) REFERENCES tags_v2 (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX tags_v2_parent ON tags_v2 (tenant_id, parent_id);
CREATE INDEX tags_v2_category ON tags_v2 (tenant_id, category, path);

CREATE TABLE node_tags_v2 (
  tenant_id uuid NOT NULL DEFAULT own_tenant_id(),
  node_id uuid NOT NULL,
  tag_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, node_id, tag_id),
  FOREIGN KEY (tenant_id, node_id) REFERENCES nodes_v2 (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, tag_id) REFERENCES tags_v2 (tenant_id, id) ON DELETE CASCADE
) {{partition_by_tenant}};

CREATE INDEX node_tags_v2_tag ON node_tags_v2 (tenant_id, tag_id, node_id);

-- FROM CURRENT pins the path to the schema that the function is made in: it works wherever it is called from.
CREATE FUNCTION place_tag() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  above text;
BEGIN
  IF NEW.parent_id IS NULL THEN
    NEW.path := NEW.slug;
    RETURN NEW;
  END IF;
  SELECT t.path INTO above FROM tags_v2 t WHERE t.tenant_id = NEW.tenant_id AND t.id = NEW.parent_id;
  IF above IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'foreign_key_violation',
      MESSAGE = format('tag %s: its parent %s does not exist', NEW.slug, NEW.parent_id);
  END IF;
  IF TG_OP = 'UPDATE' AND NEW.parent_id IS DISTINCT FROM OLD.parent_id
    AND (above = OLD.path OR starts_with(above, OLD.path || '.')) THEN
    RAISE EXCEPTION USING ERRCODE = 'check_violation',
      MESSAGE = format('tag %s: %s lies below it and cannot be its parent', OLD.path, above);
  END IF;
  NEW.path := above || '.' || NEW.slug;
  RETURN NEW;
END
$$;

CREATE FUNCTION place_tags_below() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE tags_v2 SET slug = slug WHERE tenant_id = NEW.tenant_id AND parent_id = NEW.id;
  RETURN NULL;
END
$$;

CREATE TRIGGER tags_v2_place BEFORE INSERT OR UPDATE ON tags_v2 FOR EACH ROW EXECUTE FUNCTION place_tag();
CREATE TRIGGER tags_v2_place_below AFTER UPDATE ON tags_v2 FOR EACH ROW
  WHEN (OLD.path IS DISTINCT FROM NEW.path) EXECUTE FUNCTION place_tags_below();

CREATE TRIGGER nodes_v2_updated_at BEFORE UPDATE ON nodes_v2 FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER edges_v2_updated_at BEFORE UPDATE ON edges_v2 FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER tags_v2_updated_at BEFORE UPDATE ON tags_v2 FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
