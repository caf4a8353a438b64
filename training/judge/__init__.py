"""The judge: scores of models on annotated texts, and whether a version may replace the live one."""
