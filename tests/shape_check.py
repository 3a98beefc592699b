"""The type checker of annotated modules in tests; an int is a float, as for every type checker."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
