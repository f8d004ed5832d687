/// The step that adds what an engine had of GPUs' memory.
enum AcceleratorMemorySchema {
  static let sql = """
    -- When the block ended; NULL without a GPU, or where nobody could look.
    ALTER TABLE measurements ADD COLUMN accelerator_memory_bytes INTEGER;
    """
}
