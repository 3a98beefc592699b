"""Methods of offline RL that a run compares, and the section of the config that each is set in.

Methods have these names in `rollouts.csv`, in the folders of rollouts and baselines, and in
`baselines.methods`. The order is that of table 1, with methods that the paper does not have last.
"""

SECTIONS = {
    "bc": "behavior_cloning",
    "cql": "cql",
    "mopo": "mopo",
    "mbop": "mbop",
    "tto": "planning",
    "iql": "iql",
    "td3_bc": "td3_bc",
    "dt": "dt",
}
OURS = "tto"  # plans by the Transformer; the others are baselines, each with a policy of its own
BASELINES = tuple(name for name in SECTIONS if name != OURS)
