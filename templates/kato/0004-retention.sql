-- For how long the rows of a table are kept. A table without a row here is kept for ever.
CREATE TABLE retention_policies (
  tenant_id uuid NOT NULL DEFAULT own_tenant_id() REFERENCES tenants (tenant_id),
  table_name text NOT NULL CHECK (table_name IN ('sessions', 'observations', 'patterns', 'memory_vectors')),
  age interval NOT NULL CHECK (age >= interval '0'),
  PRIMARY KEY (tenant_id, table_name)
);

-- What has expired: sessions that ended longer ago than their age, the others by when they were last seen or made.
CREATE FUNCTION retention_due() RETURNS TABLE (table_name text, expired bigint) LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT 'sessions', count(*) FROM retention_policies p
    JOIN sessions s ON s.tenant_id = p.tenant_id AND s.expires_at < now() - p.age WHERE p.table_name = 'sessions'
  UNION ALL
  SELECT 'observations', count(*) FROM retention_policies p
    JOIN observations o ON o.tenant_id = p.tenant_id AND o.observed_at < now() - p.age
    WHERE p.table_name = 'observations'
  UNION ALL
  SELECT 'patterns', count(*) FROM retention_policies p
    JOIN patterns t ON t.tenant_id = p.tenant_id AND t.last_observed_at < now() - p.age WHERE p.table_name = 'patterns'
  UNION ALL
  SELECT 'memory_vectors', count(*) FROM retention_policies p
    JOIN memory_vectors v ON v.tenant_id = p.tenant_id AND v.created_at < now() - p.age
    WHERE p.table_name = 'memory_vectors';
END;

-- Deletes at most so many expired rows of each table, the oldest first, and tells how many: called again, each time in a
-- transaction of its own, until it tells 0. What hangs on a deleted row goes with it and is not counted.
CREATE FUNCTION retention_delete(batch integer) RETURNS TABLE (table_name text, expired bigint) LANGUAGE sql VOLATILE
BEGIN ATOMIC
  WITH gone_sessions AS (
    DELETE FROM sessions d USING (
      SELECT s.tenant_id, s.id FROM retention_policies p
      JOIN sessions s ON s.tenant_id = p.tenant_id AND s.expires_at < now() - p.age
      WHERE p.table_name = 'sessions' ORDER BY s.expires_at LIMIT batch
    ) e WHERE d.tenant_id = e.tenant_id AND d.id = e.id RETURNING d.id
  ), gone_observations AS (
    DELETE FROM observations d USING (
      SELECT o.tenant_id, o.id FROM retention_policies p
      JOIN observations o ON o.tenant_id = p.tenant_id AND o.observed_at < now() - p.age
      WHERE p.table_name = 'observations' ORDER BY o.observed_at LIMIT batch
    ) e WHERE d.tenant_id = e.tenant_id AND d.id = e.id RETURNING d.id
  ), gone_patterns AS (
    DELETE FROM patterns d USING (
      SELECT t.tenant_id, t.id FROM retention_policies p
      JOIN patterns t ON t.tenant_id = p.tenant_id AND t.last_observed_at < now() - p.age
      WHERE p.table_name = 'patterns' ORDER BY t.last_observed_at LIMIT batch
    ) e WHERE d.tenant_id = e.tenant_id AND d.id = e.id RETURNING d.id
  ), gone_vectors AS (
    DELETE FROM memory_vectors d USING (
      SELECT v.tenant_id, v.id FROM retention_policies p
      JOIN memory_vectors v ON v.tenant_id = p.tenant_id AND v.created_at < now() - p.age
      WHERE p.table_name = 'memory_vectors' ORDER BY v.created_at LIMIT batch
    ) e WHERE d.tenant_id = e.tenant_id AND d.id = e.id RETURNING d.id
  )
  SELECT 'sessions', count(*) FROM gone_sessions
  UNION ALL SELECT 'observations', count(*) FROM gone_observations
  UNION ALL SELECT 'patterns', count(*) FROM gone_patterns
  UNION ALL SELECT 'memory_vectors', count(*) FROM gone_vectors;
END;
