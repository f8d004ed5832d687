-- A history of the ninth version (9-accelerator-memory): that of the eighth after that step, as
-- `sqlite3 history.sqlite .dump` writes it. Never changed: a test opens it with today's program (SchemaTests.swift).
PRAGMA application_id = 1095783763;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
INSERT INTO grdb_migrations VALUES('1-jobs-and-measurements');
INSERT INTO grdb_migrations VALUES('2-quality-losses');
INSERT INTO grdb_migrations VALUES('3-energy-and-memory-estimates');
INSERT INTO grdb_migrations VALUES('4-explorations');
INSERT INTO grdb_migrations VALUES('5-finish-reasons');
INSERT INTO grdb_migrations VALUES('6-placements');
INSERT INTO grdb_migrations VALUES('7-tool-calls');
INSERT INTO grdb_migrations VALUES('8-tenants');
INSERT INTO grdb_migrations VALUES('9-accelerator-memory');
CREATE TABLE hardware (
  -- Each distinct hardware profile once; measurements refer to it.
  id INTEGER PRIMARY KEY,
  digest INTEGER NOT NULL,          -- FNV-1a, 64 bits, of profile
  fingerprint TEXT NOT NULL,        -- equal where a measurement means the same
  profile TEXT NOT NULL             -- JSON of Serving.HardwareProfile
) STRICT;
INSERT INTO hardware VALUES(1,1364189686443225966,'Example Processor 1|2c|24G|avx2,avx512f|','{"accelerators":[],"coreCount":2,"gemmRate":123000000000,"instructionSets":["avx2","avx512f"],"machine":"machine-1","memoryBandwidth":18700000001,"memoryBytes":25769803776,"processor":"Example Processor 1"}');
CREATE TABLE model_profiles (
  -- Each distinct model profile once.
  id INTEGER PRIMARY KEY,
  digest INTEGER NOT NULL,
  model_id TEXT NOT NULL,           -- SHA-256 of the model's file
  profile TEXT NOT NULL             -- JSON of Serving.ModelProfile
) STRICT;
INSERT INTO model_profiles VALUES(1,-5473110081139711804,'0000000000000000000000000000000000000000000000000000000000000001','{"activeParameterCount":60000001,"activeWeightBytes":120000000,"architecture":"llama","contextLength":4096,"expertCount":0,"expertsPerToken":0,"feedForwardSize":1536,"headCount":8,"headSize":64,"hiddenSize":512,"id":"0000000000000000000000000000000000000000000000000000000000000001","keyValueHeadCount":4,"layerCount":12,"name":"example","parameterCount":60000001,"variantGroup":"group-1","vocabularyFingerprint":"vocabulary","vocabularySize":32000,"weightBytes":120000000,"weightType":"F16"}');
INSERT INTO model_profiles VALUES(2,-6902133965610246267,'0000000000000000000000000000000000000000000000000000000000000002','{"activeParameterCount":60000002,"activeWeightBytes":120000000,"architecture":"llama","contextLength":4096,"expertCount":0,"expertsPerToken":0,"feedForwardSize":1536,"headCount":8,"headSize":64,"hiddenSize":512,"id":"0000000000000000000000000000000000000000000000000000000000000002","keyValueHeadCount":4,"layerCount":12,"name":"example-2","parameterCount":60000002,"variantGroup":"group-2","vocabularyFingerprint":"vocabulary","vocabularySize":32000,"weightBytes":120000000,"weightType":"F16"}');
CREATE TABLE workloads (
  -- Each distinct workload once.
  id INTEGER PRIMARY KEY,
  digest INTEGER NOT NULL,
  shape TEXT NOT NULL,              -- equal for workloads whose measurements may be compared
  profile TEXT NOT NULL             -- JSON of Serving.Workload
) STRICT;
INSERT INTO workloads VALUES(1,6680185182763419815,'p1500-1500/o16-16/c1/closed/s0.0/r0.0','{"concurrency":1,"name":"long-prompt","outputTokens":[16,16],"promptTokens":[1500,1500],"repetitiveness":0,"requestCount":1,"sharedPrefixShare":0}');
CREATE TABLE configurations (
  -- Each distinct engine configuration once.
  id INTEGER PRIMARY KEY,
  digest INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,        -- engine and knobs on one line
  profile TEXT NOT NULL             -- JSON of Serving.EngineConfiguration
) STRICT;
INSERT INTO configurations VALUES(1,-2608298892098652818,'llamacpp flash_attention=on key_cache_type=q8_0 slot_count=4','{"engine":"llamacpp","knobs":{"flash_attention":true,"key_cache_type":"q8_0","slot_count":4},"methods":["continuous-batching"]}');
INSERT INTO configurations VALUES(2,1150173510341005620,'llamacpp key_cache_type=q8_0 prefix_caching=on slot_count=21','{"engine":"llamacpp","knobs":{"key_cache_type":"q8_0","prefix_caching":true,"slot_count":21},"methods":["continuous-batching","kv-cache"]}');
CREATE TABLE models (
  -- What each known model is now: as a worker announced it last, or a person added it.
  model_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  model_profile_row INTEGER NOT NULL REFERENCES model_profiles (id)
) STRICT, WITHOUT ROWID;
INSERT INTO models VALUES('0000000000000000000000000000000000000000000000000000000000000001','example',1);
CREATE TABLE nodes (
  -- Each worker's hardware as it announced it last.
  worker TEXT PRIMARY KEY,
  hardware_row INTEGER NOT NULL REFERENCES hardware (id)
) STRICT, WITHOUT ROWID;
INSERT INTO nodes VALUES('node-1',1);
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
INSERT INTO jobs VALUES(1,'job-1','laptop','key-1','0000000000000000000000000000000000000000000000000000000000000000','completed',1000,2000,'node-1','first-2',1,'{"idempotencyKey":"key-1","ignoresEndOfSequence":false,"limits":{"allowsApproximate":false,"slos":[{"limitMS":500,"metric":"ttft","percentile":99}]},"maxTokens":8,"model":"0000000000000000000000000000000000000000000000000000000000000000","objective":"e2e","prompt":{"chat":{"_0":[{"content":"Say \"hé\"\n\u0000","role":"user"}]}},"seed":18446744073709551615,"temperature":0.5}','{"engine":"llamacpp","knobs":{"flash_attention":true,"key_cache_type":"q8_0","slot_count":4},"methods":["continuous-batching"]}','{"ttftMS":3.5}',NULL,'Hello',0,'stop',NULL,NULL);
INSERT INTO jobs VALUES(2,'job-2','laptop',NULL,'0000000000000000000000000000000000000000000000000000000000000000','queued',1000,NULL,NULL,NULL,0,'{"ignoresEndOfSequence":false,"limits":{"allowsApproximate":false,"slos":[{"limitMS":500,"metric":"ttft","percentile":99}]},"maxTokens":8,"model":"0000000000000000000000000000000000000000000000000000000000000000","objective":"e2e","prompt":{"chat":{"_0":[{"content":"Say \"hé\"\n\u0000","role":"user"}]}},"seed":18446744073709551615,"temperature":0.5}',NULL,NULL,NULL,'',0,NULL,NULL,NULL);
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
  failure_last_lines ANY, energy_joules REAL, memory_estimate_bytes INTEGER, accelerator_memory_bytes INTEGER,           -- of engine_failed: the end of the engine's log
  CHECK ((source = 'trial') = (trial_id IS NOT NULL AND benchmark_id IS NOT NULL
    AND purpose IS NOT NULL AND round IS NOT NULL)),
  CHECK ((source = 'job') = (job_id IS NOT NULL)),
  CHECK ((source = 'imported') = (imported_from IS NOT NULL)),
  CHECK ((outcome = 'completed') = (request_count IS NOT NULL))
) STRICT;
INSERT INTO measurements VALUES(1,'first-1','trial','t1','b1','paired',2,NULL,NULL,'node-1',1,1,1,1,'exact','llama.cpp b6900 (xllamacpp 0.2.3)',1790000000001,'completed',NULL,8,0,512,512,7.1353447599999997308,17.68649127100000129,300000000,0.13192038600000000059,20.0,20.0,40.0,41.5,545.46794720000002596,495.87995200000000296,743.81992800000000442,991.75990400000000593,135.41977570000000241,123.10888699999999573,184.6633305000000007,246.21777399999999146,315.60249049999998761,286.91135499999995772,430.3670324999999366,573.82270999999991545,NULL,'["too few samples"]',NULL,NULL,NULL,NULL,NULL);
INSERT INTO measurements VALUES(2,'first-2','job',NULL,NULL,NULL,NULL,'job-1',NULL,'node-1',1,2,1,2,'exact','llama.cpp b6900 (xllamacpp 0.2.3)',1790000000002,'engine_failed',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'exit 1',X'610062',NULL,NULL,NULL);
CREATE TABLE samples (
  -- Raw samples of a measurement, apart so that listing measurements never reads them.
  measurement_row INTEGER PRIMARY KEY REFERENCES measurements (row),
  timelines BLOB NOT NULL           -- see SampleCodec.swift
) STRICT;
INSERT INTO samples VALUES(1,X'0102000000000000000080010106067b14ae47e17a943fb81e85eb51b89e3f23dbf97e6abca43f');
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
INSERT INTO quality_losses VALUES(1,256,0.984375,1,0.015625,12.5,12.25,1);
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
CREATE INDEX hardware_by_digest ON hardware (digest);
CREATE INDEX model_profiles_by_digest ON model_profiles (digest);
CREATE INDEX model_profiles_by_model ON model_profiles (model_id);
CREATE INDEX workloads_by_digest ON workloads (digest);
CREATE INDEX configurations_by_digest ON configurations (digest);
CREATE INDEX jobs_by_time ON jobs (submitted_at_ms);
CREATE INDEX jobs_by_state ON jobs (state, submitted_at_ms);
CREATE INDEX measurements_by_worker ON measurements (worker);
CREATE INDEX measurements_by_model ON measurements (model_profile_row);
CREATE INDEX measurements_by_benchmark ON measurements (benchmark_id) WHERE benchmark_id IS NOT NULL;
CREATE INDEX measurements_by_outcome ON measurements (outcome);
CREATE INDEX placements_by_model ON placements (model_id);
CREATE INDEX jobs_by_tenant ON jobs (client, tenant, submitted_at_ms) WHERE tenant IS NOT NULL;
CREATE UNIQUE INDEX jobs_by_key ON jobs (client, coalesce(tenant, ''), idempotency_key)
  WHERE idempotency_key IS NOT NULL;
COMMIT;
