"""What depends on the kind of model, a folder each; `clusters` is what the clusterings share."""
