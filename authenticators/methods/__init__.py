"""One module per verification method; none imports another."""
