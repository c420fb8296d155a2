"""What a model finds likely: of two sentences, of held-out text. No dialogue, no reply."""
