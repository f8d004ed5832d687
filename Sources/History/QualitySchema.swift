/// The schema of the second step: what a configuration loses of a model's output.
///
/// A table of its own, because one measurement in hundreds has it.
enum QualitySchema {
  static let sql = """
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
    """
}
