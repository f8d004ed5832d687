/// The step that adds what a block took of energy, and what its engine was foreseen to take of memory.
enum EnergyAndMemorySchema {
  static let sql = """
    -- Whole packages and GPUs over the block; NULL without a counter.
    ALTER TABLE measurements ADD COLUMN energy_joules REAL;
    -- Foreseen before the engine was started; NULL where nobody foresaw any.
    ALTER TABLE measurements ADD COLUMN memory_estimate_bytes INTEGER;
    """
}
