"""The backend on Kubernetes: runs as Jobs, the live version on the extractor's pod template."""
