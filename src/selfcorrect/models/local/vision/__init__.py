"""Pictures for local models: decoded, prepared as a model wants them, and encoded once."""
