"""What depends on the kind of model, a folder each."""
