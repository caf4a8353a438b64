"""The parts that serve: the backend that Label Studio connects to, and the extractor that holds the model."""

__version__ = "0.1.0"
