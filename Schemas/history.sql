-- The schema of a history after all migrations (Sources/History/Migrations.swift), as SQLite keeps it.
--
-- A test compares this file with a fresh database. After adding a migration, write it anew with
--   APUS_WRITE_SCHEMA=1 swift test --filter SchemaTests
-- and look at the difference. Everything up to the first statement is kept as it is.
--
-- PRAGMA application_id is 0x41505553 ("APUS"). The table grdb_migrations, which is not shown, holds the names of the
-- migrations applied. Times are UTC. Open the database with `sqlite3 -readonly` to look at it.

CREATE TABLE hardware (
  -- Each distinct hardware profile once; measurements refer to it.
  id INTEGER PRIMARY KEY,
  digest INTEGER NOT NULL,          -- FNV-1a, 64 bits, of profile
  fingerprint TEXT NOT NULL,        -- equal where a measurement means the same
  profile TEXT NOT NULL             -- JSON of Serving.HardwareProfile
) STRICT;

CREATE INDEX hardware_by_digest ON hardware (digest);

CREATE TABLE model_profiles (
  -- Each distinct model profile once.
  id INTEGER PRIMARY KEY,
  digest INTEGER NOT NULL,
  model_id TEXT NOT NULL,           -- SHA-256 of the model's file
  profile TEXT NOT NULL             -- JSON of Serving.ModelProfile
) STRICT;

CREATE INDEX model_profiles_by_digest ON model_profiles (digest);

CREATE INDEX model_profiles_by_model ON model_profiles (model_id);

CREATE TABLE workloads (
  -- Each distinct workload once.
  id INTEGER PRIMARY KEY,
  digest INTEGER NOT NULL,
  shape TEXT NOT NULL,              -- equal for workloads whose measurements may be compared
  profile TEXT NOT NULL             -- JSON of Serving.Workload
) STRICT;

CREATE INDEX workloads_by_digest ON workloads (digest);

CREATE TABLE configurations (
  -- Each distinct engine configuration once.
  id INTEGER PRIMARY KEY,
  digest INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,        -- engine and knobs on one line
  profile TEXT NOT NULL             -- JSON of Serving.EngineConfiguration
) STRICT;

CREATE INDEX configurations_by_digest ON configurations (digest);

CREATE TABLE models (
  -- What each known model is now: as a worker announced it last, or a person added it.
  model_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  model_profile_row INTEGER NOT NULL REFERENCES model_profiles (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE nodes (
  -- Each worker's hardware as it announced it last.
  worker TEXT PRIMARY KEY,
  hardware_row INTEGER NOT NULL REFERENCES hardware (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
  row INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  client TEXT NOT NULL,
  idempotency_key TEXT,
  model_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
  submitted_at_ms INTEGER NOT NULL, -- milliseconds since 1970-01-01 UTC
  finished_at_ms INTEGER,
  worker TEXT,                      -- where it ran last
  measurement_id TEXT,              -- of its last run; the measurement may be stored later
  attempt_count INTEGER NOT NULL,
  spec TEXT NOT NULL,               -- JSON of Serving.JobSpec
  configuration TEXT,               -- JSON of Serving.EngineConfiguration
  predicted TEXT,                   -- JSON of Serving.PredictedMetrics
  failure ANY,
  output ANY NOT NULL
, is_exploration INTEGER NOT NULL DEFAULT 0, finish_reason TEXT, tool_calls TEXT, tenant TEXT) STRICT;

CREATE INDEX jobs_by_time ON jobs (submitted_at_ms);

CREATE INDEX jobs_by_state ON jobs (state, submitted_at_ms);

CREATE TABLE measurements (
  -- One block of requests. Rows are never changed or deleted. A metric that is not defined (NaN) is NULL.
  row INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  source TEXT NOT NULL CHECK (source IN ('trial', 'job', 'imported')),
  trial_id TEXT,
  benchmark_id TEXT,
  purpose TEXT CHECK (purpose IN ('screening', 'paired', 'confirmation')),
  round INTEGER,
  job_id TEXT,
  imported_from TEXT,               -- the file's name
  worker TEXT NOT NULL,
  hardware_row INTEGER NOT NULL REFERENCES hardware (id),
  model_profile_row INTEGER NOT NULL REFERENCES model_profiles (id),
  workload_row INTEGER NOT NULL REFERENCES workloads (id),
  configuration_row INTEGER NOT NULL REFERENCES configurations (id),
  fidelity TEXT NOT NULL CHECK (fidelity IN ('exact', 'approximate')),
  engine_version ANY NOT NULL,
  started_at_ms INTEGER NOT NULL,   -- milliseconds since 1970-01-01 UTC
  outcome TEXT NOT NULL CHECK (outcome IN
    ('completed', 'out_of_memory', 'timed_out', 'engine_failed', 'lost_worker', 'cancelled')),
  timed_out_after_seconds REAL,
  request_count INTEGER,
  failed_request_count INTEGER,
  prompt_token_count INTEGER,
  output_token_count INTEGER,
  wall_seconds REAL,
  cpu_seconds REAL,
  peak_memory_bytes INTEGER,
  load_seconds REAL,
  ttft_mean_ms REAL,
  ttft_p50_ms REAL,
  ttft_p90_ms REAL,
  ttft_p99_ms REAL,
  itl_mean_ms REAL,
  itl_p50_ms REAL,
  itl_p90_ms REAL,
  itl_p99_ms REAL,
  tpot_mean_ms REAL,
  tpot_p50_ms REAL,
  tpot_p90_ms REAL,
  tpot_p99_ms REAL,
  e2e_mean_ms REAL,
  e2e_p50_ms REAL,
  e2e_p90_ms REAL,
  e2e_p99_ms REAL,
  acceptance_rate REAL,             -- accepted share of drafted tokens
  warnings TEXT,                    -- JSON array; NULL for none
  failure_detail ANY,               -- of out_of_memory and engine_failed
  failure_last_lines ANY, energy_joules REAL, memory_estimate_bytes INTEGER, accelerator_memory_bytes INTEGER, accelerator_memory_estimate_bytes INTEGER,           -- of engine_failed: the end of the engine's log
  CHECK ((source = 'trial') = (trial_id IS NOT NULL AND benchmark_id IS NOT NULL
    AND purpose IS NOT NULL AND round IS NOT NULL)),
  CHECK ((source = 'job') = (job_id IS NOT NULL)),
  CHECK ((source = 'imported') = (imported_from IS NOT NULL)),
  CHECK ((outcome = 'completed') = (request_count IS NOT NULL))
) STRICT;

CREATE INDEX measurements_by_worker ON measurements (worker);

CREATE INDEX measurements_by_model ON measurements (model_profile_row);

CREATE INDEX measurements_by_benchmark ON measurements (benchmark_id) WHERE benchmark_id IS NOT NULL;

CREATE INDEX measurements_by_outcome ON measurements (outcome);

CREATE TABLE samples (
  -- Raw samples of a measurement, apart so that listing measurements never reads them.
  measurement_row INTEGER PRIMARY KEY REFERENCES measurements (row),
  timelines BLOB NOT NULL           -- see SampleCodec.swift
) STRICT;

CREATE TABLE quality_losses (
  -- Measured once for each model, configuration and engine version; see Serving.QualityLoss.
  measurement_row INTEGER PRIMARY KEY REFERENCES measurements (row),
  position_count INTEGER NOT NULL,          -- next tokens compared with those of the engine's default
  top_agreement REAL NOT NULL,              -- share of them that are equal
  decisive_mismatch_count INTEGER NOT NULL, -- unequal ones that rounding does not explain
  divergence_nats REAL,                     -- mean Kullback-Leibler divergence for each token
  perplexity REAL,                          -- of a fixed text
  reference_perplexity REAL,                -- the default's
  probe_version INTEGER NOT NULL
) STRICT;

CREATE TABLE placements (
  -- What one placement of a model's experts did on a hub and its hosts. Rows are never changed or deleted.
  row INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  benchmark_id TEXT NOT NULL,
  model_id TEXT NOT NULL,
  hub TEXT NOT NULL,                -- the worker that sent the tokens and added up
  strategy TEXT NOT NULL,
  batch_tokens INTEGER NOT NULL,
  started_at_ms INTEGER NOT NULL,   -- milliseconds since 1970-01-01 UTC
  outcome TEXT NOT NULL CHECK (outcome IN ('completed', 'failed')),
  layer_mean_seconds REAL,          -- of a layer, over all measured batches
  layer_p50_ms REAL,
  layer_p99_ms REAL,
  measurement TEXT NOT NULL,        -- JSON of Serving.PlacementMeasurement
  CHECK ((outcome = 'completed') = (layer_mean_seconds IS NOT NULL))
) STRICT;

CREATE INDEX placements_by_model ON placements (model_id);

CREATE INDEX jobs_by_tenant ON jobs (client, tenant, submitted_at_ms) WHERE tenant IS NOT NULL;

CREATE UNIQUE INDEX jobs_by_key ON jobs (client, coalesce(tenant, ''), idempotency_key)
  WHERE idempotency_key IS NOT NULL;
