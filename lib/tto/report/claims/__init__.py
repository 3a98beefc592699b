"""The paper's claims and what the run says of each."""
