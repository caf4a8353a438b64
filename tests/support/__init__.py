"""What tests, benchmarks and the demonstration share."""
