INSERT INTO application_instances (tenant_id, processor_id, kb_id, api_port)
VALUES (current_setting('app.tenant_id')::uuid, 'main', 'main', {{api_port}});

-- A session is deleted as soon as it has expired. Vectors go with what they belong to.
INSERT INTO retention_policies (tenant_id, table_name, age)
VALUES
  (current_setting('app.tenant_id')::uuid, 'sessions', interval '0'),
  (current_setting('app.tenant_id')::uuid, 'observations', make_interval(days => {{observation_days}})),
  (current_setting('app.tenant_id')::uuid, 'patterns', make_interval(days => {{pattern_days}}));
