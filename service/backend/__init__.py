"""The backend: answers Label Studio, launches and watches runs, rolls versions out."""
