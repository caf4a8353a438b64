"""The model: texts and labels in, spans out."""
