-- What nodes and edges were before each change and each deletion, without their vectors. No foreign key: a history outlives
-- what it tells of. Rows are written by triggers with the rights of whoever changes the node or edge.
CREATE TABLE nodes_v2_history (
  tenant_id uuid NOT NULL DEFAULT own_tenant_id(),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  node_id uuid NOT NULL,
  action text NOT NULL CHECK (action IN ('UPDATE', 'DELETE')),
  version jsonb NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz NOT NULL DEFAULT now(),
  changed_by text,
  PRIMARY KEY (tenant_id, id)
) {{partition_by_tenant}};

CREATE INDEX nodes_v2_history_node ON nodes_v2_history (tenant_id, node_id, valid_to DESC);
CREATE INDEX nodes_v2_history_time ON nodes_v2_history (tenant_id, valid_to);

CREATE TABLE edges_v2_history (
  tenant_id uuid NOT NULL DEFAULT own_tenant_id(),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  edge_id uuid NOT NULL,
  action text NOT NULL CHECK (action IN ('UPDATE', 'DELETE')),
  version jsonb NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz NOT NULL DEFAULT now(),
  changed_by text,
  PRIMARY KEY (tenant_id, id)
) {{partition_by_tenant}};

CREATE INDEX edges_v2_history_edge ON edges_v2_history (tenant_id, edge_id, valid_to DESC);
CREATE INDEX edges_v2_history_time ON edges_v2_history (tenant_id, valid_to);

-- changed_by is what the application claims in app.user_id.
CREATE FUNCTION keep_node_versions() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO nodes_v2_history (tenant_id, node_id, action, version, valid_from, changed_by)
  SELECT o.tenant_id, o.id, TG_OP,
    jsonb_build_object('kind', o.kind, 'name', o.name, 'properties', o.properties, 'created_at', o.created_at),
    o.updated_at, nullif(current_setting('app.user_id', true), '')
  FROM old_rows o;
  RETURN NULL;
END
$$;

CREATE FUNCTION keep_edge_versions() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO edges_v2_history (tenant_id, edge_id, action, version, valid_from, changed_by)
  SELECT o.tenant_id, o.id, TG_OP,
    jsonb_build_object('edge_type', o.edge_type, 'source_id', o.source_id, 'target_id', o.target_id, 'weight', o.weight,
      'properties', o.properties, 'created_at', o.created_at),
    o.updated_at, nullif(current_setting('app.user_id', true), '')
  FROM old_rows o;
  RETURN NULL;
END
$$;

CREATE TRIGGER nodes_v2_keep_updated AFTER UPDATE ON nodes_v2 REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION keep_node_versions();
CREATE TRIGGER nodes_v2_keep_deleted AFTER DELETE ON nodes_v2 REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION keep_node_versions();
CREATE TRIGGER edges_v2_keep_updated AFTER UPDATE ON edges_v2 REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION keep_edge_versions();
CREATE TRIGGER edges_v2_keep_deleted AFTER DELETE ON edges_v2 REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION keep_edge_versions();
