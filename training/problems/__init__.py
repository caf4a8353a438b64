"""Where annotations may be wrong: what models doubt, equal texts that are annotated differently, disagreement."""
