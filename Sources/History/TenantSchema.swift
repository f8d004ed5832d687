/// The step that tells whose a job is where one client asks for many.
enum TenantSchema {
  static let sql = """
    -- On whose behalf the client asked, in its own words; NULL for itself, and for all jobs from before this step.
    ALTER TABLE jobs ADD COLUMN tenant TEXT;

    CREATE INDEX jobs_by_tenant ON jobs (client, tenant, submitted_at_ms) WHERE tenant IS NOT NULL;

    -- Idempotency keys belong to client and tenant together.
    DROP INDEX jobs_by_key;
    CREATE UNIQUE INDEX jobs_by_key ON jobs (client, coalesce(tenant, ''), idempotency_key)
      WHERE idempotency_key IS NOT NULL;
    """
}
