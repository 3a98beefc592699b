"""The config: how it is read, what it means for each dataset, and what it must not say."""
