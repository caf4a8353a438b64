"""Serving of both services: routes, Basic authentication, BentoML and uvicorn."""
