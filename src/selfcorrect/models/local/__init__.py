"""Models on this machine, by way of transformers. Heavy imports wait until one is opened."""
