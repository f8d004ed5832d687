/// The step that adds measured placements of experts.
enum PlacementSchema {
  static let sql = """
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
    """
}
