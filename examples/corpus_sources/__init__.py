"""Where do the binary sample documents come from? ``python -m examples.corpus_sources`` writes them anew."""
