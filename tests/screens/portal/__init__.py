"""Every page of the staff portal in every state, of tenants that have nothing, much, or names that hardly fit."""
