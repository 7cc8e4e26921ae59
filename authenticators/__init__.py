"""Who can prove what: end users, their authenticators, challenges and the messages that carry codes."""
