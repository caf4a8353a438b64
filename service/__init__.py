"""The parts that serve: the backend that Label Studio connects to, and the extractor that holds the model."""

RELEASE = "0.1.0"
