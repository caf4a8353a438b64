"""Online truth: what people's annotations say of the versions whose predictions they began with."""
