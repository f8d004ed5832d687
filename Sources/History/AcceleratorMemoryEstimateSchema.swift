/// The step that adds what of GPUs' memory an engine was foreseen to take.
enum AcceleratorMemoryEstimateSchema {
  static let sql = """
    -- NULL where the engine computes on no GPU, or nobody foresaw any.
    ALTER TABLE measurements ADD COLUMN accelerator_memory_estimate_bytes INTEGER;
    """
}
