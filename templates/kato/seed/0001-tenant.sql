-- The settings are those of the transaction that makes the tenant: its tenant_id, its id and its display name in the
-- registry.
INSERT INTO tenants (tenant_id, slug, name)
VALUES (
  current_setting('app.tenant_id')::uuid,
  current_setting('app.tenant_slug'),
  current_setting('app.tenant_name')
);
