"""The backend: speaks Label Studio's contract, launches and watches runs, rolls versions out."""
