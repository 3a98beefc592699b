"""The probabilistic ensemble of single-step models (PETS), in figure 2 and in MOPO."""
