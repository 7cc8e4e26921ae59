"""What happened, in order: track, challenge, verify, claim, validate."""
