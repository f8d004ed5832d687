/// The step that tells jobs that were sent elsewhere to learn from those that went to what was believed best.
enum ExplorationSchema {
  static let sql = """
    -- Whether the job's last run tried something other than what was believed best, 0 or 1.
    ALTER TABLE jobs ADD COLUMN is_exploration INTEGER NOT NULL DEFAULT 0;
    """
}
