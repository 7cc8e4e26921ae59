"""Whether the app that enrols a device key is the tenant's own, on a real device: as Apple and Google sign it."""
