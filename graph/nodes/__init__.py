"""Which steps does a question take? One small function each: state in, changed keys out."""
