"""What both services are served by: routes, Basic authentication, BentoML and uvicorn."""
