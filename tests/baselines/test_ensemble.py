"""The ensemble: batched members equal single members, and known systems are recovered."""

import copy
import csv
import json

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tto.baselines.pets import ensemble_training
from tto.baselines.pets.ensemble import Ensemble, bound_penalty, gaussian_loss, load_ensemble
from tto.baselines.pets.ensemble_training import (
    EnsembleConfig,
    evaluate,
    fit_ensemble,
    train_ensemble,
)
from tto.baselines.pets.propagation import propagate, recorded
from tto.baselines.pets.transitions import Examples
from tto.data.episode import Episode
from tto.data.episodes import open_dataset, write_dataset
from tto.errors import TTOError

O, A = 4, 1  # InvertedPendulum-v5
FAST = {
    "members": 2,
    "hidden": [16],
    "updates": 60,
    "batch_size": 32,
    "evaluate_every": 20,
    "learning_rate": 3e-3,
}
# s' = DYNAMICS s + CONTROL a + noise; the noise differs by up to a factor of 50
DYNAMICS = torch.tensor(
    [[0.9, 0.01, 0.0, 0.0], [0.0, 0.8, 0.0, 0.1], [0.5, 0.0, 0.7, 0.0], [0.0, 0.0, 0.02, 0.9]]
)
CONTROL = torch.tensor([[0.05], [1.0], [0.2], [-0.3]])
NOISE = torch.tensor([0.02, 1.0, 0.1, 0.3])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_ensemble(*, members=3, masked=False, hidden=(8, 6)):
    network = Ensemble(
        O, A, members=members, hidden=hidden, masked=masked, generator=generator(members)
    )
    for name, low in (("observation_mean", -1), ("observation_std", 1), ("action_std", 1)):
        buffer = getattr(network, name)
        buffer.uniform_(low, 2, generator=generator(1))
    for bias in network.biases:
        bias.data.uniform_(-0.5, 0.5, generator=generator(2))
    return network


def alone(network, member):
    """One member as an ensemble of its own."""
    state = network.state_dict()
    sizes = [weight.shape[2] for weight in network.weights[:-1]]
    single = Ensemble(O, A, members=1, hidden=tuple(sizes), masked=network.masked)
    parameters = dict(network.named_parameters())
    single.load_state_dict(
        {key: x[member : member + 1] if key in parameters else x for key, x in state.items()}
    )
    return single


def random_examples(rows, *, masked=False, seed=0):
    source = generator(seed)
    inputs = torch.randn(rows, O * (1 + masked) + A, generator=source)
    targets = torch.randn(rows, O, generator=source) + inputs[:, :O]
    counted = torch.rand(rows, O, generator=source) < 0.5 if masked else None
    return Examples(inputs, targets, counted)


def write_episodes(path, episodes):
    write_dataset(
        path, episodes, env_id="InvertedPendulum-v5", algorithm="none", description="made up"
    )
    return open_dataset(path)


def linear_episodes(*, episodes, length):
    source = generator(7)
    for _ in range(episodes):
        actions = torch.empty(length, A).uniform_(-1, 1, generator=source)
        states = [torch.randn(O, generator=source) * 5 * NOISE]
        for action in actions:
            noise = NOISE * torch.randn(O, generator=source)
            states.append(DYNAMICS @ states[-1] + CONTROL @ action + noise)
        observations = torch.stack(states).numpy()
        yield Episode(observations, actions.numpy(), np.zeros(length), False, True)


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    """The dataset of a linear-Gaussian system, and an ensemble trained on it."""
    folder = tmp_path_factory.mktemp("linear")
    dataset = write_episodes(folder / "linear-v0", linear_episodes(episodes=100, length=200))
    torch.set_num_threads(1)
    settings = {"members": 3, "hidden": [32, 32], "updates": 2000, "batch_size": 128}
    return dataset, train_ensemble(dataset, folder / "pets", seed=0, learning_rate=5e-3, **settings)


@pytest.mark.parametrize("masked", [False, True])
def test_batched_members_equal_single_members(masked):
    network = random_ensemble(masked=masked)
    inputs = random_examples(15, masked=masked).inputs.view(3, 5, -1)
    mean, log_variance = network(inputs)
    assert mean.shape == log_variance.shape == (3, 5, O)
    high, low = network.highest_log_variance, network.lowest_log_variance
    for m in range(3):
        for b in range(5):
            x = inputs[m, b]
            for weight, bias in zip(network.weights, network.biases, strict=True):
                last = weight is network.weights[-1]
                x = x @ weight[m] + bias[m, 0]
                x = x if last else x * torch.sigmoid(x)
            torch.testing.assert_close(mean[m, b], x[:O])
            clamped = high[m, 0] - F.softplus(high[m, 0] - x[O:])
            clamped = low[m, 0] + F.softplus(clamped - low[m, 0])
            torch.testing.assert_close(log_variance[m, b], clamped)


def test_log_variances_stay_between_their_bounds():
    network = random_ensemble()
    for raw, bound in ((1e3, 0.5), (-1e3, -10.0)):
        network.biases[-1].data[..., O:] = raw
        log_variance = network(torch.zeros(3, 1, O + A)).log_variance
        torch.testing.assert_close(log_variance, torch.full((3, 1, O), bound), atol=1e-3, rtol=0)
    torch.testing.assert_close(bound_penalty(network), torch.full((3,), 0.01 * O * 10.5))


def test_loss_is_the_likelihood_of_the_counted_targets():
    network = random_ensemble()
    examples = random_examples(30, masked=True)
    targets, counted = examples.targets.view(3, 10, O), examples.counted.view(3, 10, O)
    prediction = network(torch.randn(3, 10, O + A, generator=generator(4)))
    std = torch.exp(0.5 * prediction.log_variance)
    density = torch.distributions.Normal(prediction.mean, std).log_prob(targets)
    losses = -2 * density - np.log(2 * np.pi)
    whole, part = (gaussian_loss(prediction, targets, x) for x in (None, counted))
    for m in range(3):
        torch.testing.assert_close(whole[m], losses[m].mean())
        torch.testing.assert_close(part[m], losses[m][counted[m]].mean())
    targets[~counted] = 1e6  # uncounted targets have no influence
    torch.testing.assert_close(gaussian_loss(prediction, targets, counted), part)


@pytest.mark.parametrize("masked", [False, True])
def test_held_out_loss_does_not_depend_on_the_parts(masked, monkeypatch):
    network, held_out = random_ensemble(masked=masked), random_examples(100, masked=masked)
    monkeypatch.setattr(ensemble_training, "EVALUATION_ROWS", 30)
    expanded = held_out.rows(torch.arange(100).expand(3, 100))
    whole = gaussian_loss(network(expanded.inputs), expanded.targets, expanded.counted)
    torch.testing.assert_close(evaluate(network, held_out), whole.double())


def test_batched_training_equals_training_of_single_members():
    config = EnsembleConfig(**{**FAST, "members": 3, "evaluate_every": 60})
    train, held_out = random_examples(200), random_examples(50, seed=1)
    network = random_ensemble()
    singles = [alone(network, m) for m in range(3)]
    fit_ensemble(network, train, held_out, config, generator())
    source = generator()
    bootstrap = torch.randint(200, (3, 200), generator=source)
    picks = [torch.randint(200, (3, 32), generator=source) for _ in range(config.updates)]
    for m, single in enumerate(singles):
        optimizer = torch.optim.Adam(single.parameters())
        for update in range(config.updates):
            fraction = 0.5 * (1 + np.cos(np.pi * update / config.updates))
            optimizer.param_groups[0]["lr"] = config.learning_rate * fraction
            rows = bootstrap[m][picks[update][m]]
            inputs, targets = train.inputs[None, rows], train.targets[None, rows]
            loss = gaussian_loss(single(inputs), targets) + bound_penalty(single)
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
        trained = dict(alone(network, m).named_parameters())
        for name, parameter in single.named_parameters():
            torch.testing.assert_close(trained[name], parameter, atol=1e-4, rtol=1e-3)


def test_each_member_keeps_its_best_weights(monkeypatch):
    config = EnsembleConfig(
        **{**FAST, "members": 3, "updates": 5000, "evaluate_every": 10, "patience": 3}
    )
    train, held_out = random_examples(12), random_examples(50, seed=1)
    network, seen = random_ensemble(hidden=(64,)), []

    def noted(network, held_out):
        seen.append(evaluate(network, held_out))
        return seen[-1]

    monkeypatch.setattr(ensemble_training, "evaluate", noted)
    metrics = fit_ensemble(network, train, held_out, config, generator())
    losses = torch.stack(seen)
    assert len(metrics) == len(losses) < 500
    assert int(losses.argmin(dim=0).max()) == len(losses) - 1 - 3
    assert len(set(losses.argmin(dim=0).tolist())) > 1  # members are best at different updates
    torch.testing.assert_close(evaluate(network, held_out), losses.min(dim=0).values)


def test_recovers_a_linear_gaussian_system(linear):
    dataset, network = linear
    states = torch.from_numpy(dataset[0].observations[:-1])
    actions = torch.from_numpy(dataset[0].actions)
    with torch.inference_mode():
        mean, log_variance = network.predict(states.expand(3, -1, -1), actions.expand(3, -1, -1))
    truth = states @ DYNAMICS.T + actions @ CONTROL.T
    off = (mean.mean(dim=0) - truth).square().mean(dim=0).sqrt()
    assert (off < 0.1 * NOISE).all()
    assert (off < 0.05 * states.std(dim=0)).all()
    variance = log_variance.exp().mean(dim=(0, 1))
    torch.testing.assert_close(variance, NOISE.square(), rtol=0.1, atol=0)


@pytest.mark.parametrize("method", ["ts_inf", "ts1"])
def test_propagates_a_linear_gaussian_system(linear, method):
    dataset, network = linear
    episode, T = dataset[1], 10
    start = torch.from_numpy(episode.observations[100])  # too few episodes to learn their starts
    actions = torch.from_numpy(episode.actions[100 : 100 + T])
    result = propagate(
        network,
        start,
        recorded(actions),
        steps=T,
        particles=4000,
        method=method,
        generator=generator(),
    )
    assert result.samples.shape == result.means.shape == result.log_variances.shape == (T, 4000, O)
    mean, covariance = start, torch.zeros(O, O)
    for t in range(T):
        mean = DYNAMICS @ mean + CONTROL @ actions[t]
        covariance = DYNAMICS @ covariance @ DYNAMICS.T + NOISE.square().diag()
        std = covariance.diag().sqrt()
        samples = result.samples[t]
        assert ((samples.mean(dim=0) - mean).abs() < 0.2 * std).all()
        torch.testing.assert_close(samples.std(dim=0), std, rtol=0.12, atol=0)
        # the mixture of the Gaussians has the same two moments
        mixture = result.log_variances[t].exp().mean(dim=0) + result.means[t].var(dim=0)
        torch.testing.assert_close(mixture.sqrt(), std, rtol=0.12, atol=0)


@pytest.mark.parametrize("method", ["ts_inf", "ts1"])
@pytest.mark.parametrize("masked", [False, True])
def test_batched_particles_equal_single_particles(method, masked):
    network, T, N = random_ensemble(masked=masked), 4, 7  # 3 members: 9 particles, 2 of them idle
    start, actions = (
        torch.randn(O, generator=generator(5)),
        torch.rand(T, A, generator=generator(6)),
    )
    observed = torch.rand(T, O, generator=generator(8)) < 0.5 if masked else None
    result = propagate(
        network,
        start,
        recorded(actions),
        steps=T,
        particles=N,
        method=method,
        generator=generator(),
        observed=observed,
    )
    source, states = generator(), [start] * 9
    for t in range(T):
        owner = {n: n % 3 for n in range(9)}
        if method == "ts1":
            dealt = torch.randperm(9, generator=source).tolist()
            owner = {n: place // 3 for place, n in enumerate(dealt)}
        noise = torch.randn(9, O, generator=source)
        for n in range(9):
            shown = None if observed is None else observed[t].view(1, 1, O)
            member = alone(network, owner[n])
            mean, log_variance = member.predict(
                states[n].view(1, 1, O), actions[t].view(1, 1, A), shown
            )
            states[n] = (mean + torch.exp(0.5 * log_variance) * noise[n]).detach().flatten()
            if n < N:
                torch.testing.assert_close(result.means[t, n], mean.detach().flatten())
                torch.testing.assert_close(result.log_variances[t, n], log_variance[0, 0].detach())
                torch.testing.assert_close(result.samples[t, n], states[n])


def test_ts_inf_keeps_the_member_and_ts1_draws_it_at_each_step():
    network = Ensemble(O, A, members=2, hidden=(4,))
    with torch.no_grad():
        for parameter in (*network.weights, *network.biases):
            parameter.zero_()
        network.biases[-1][0, 0, :O] = 1.0  # member 0 always goes up by 1, member 1 down by 1
        network.biases[-1][1, 0, :O] = -1.0
        network.biases[-1][..., O:] = -100.0
        network.lowest_log_variance.fill_(-30.0)
    T, N, start = 16, 2000, torch.zeros(O)
    ends = {
        method: propagate(
            network,
            start,
            recorded(torch.zeros(T, A)),
            steps=T,
            particles=N,
            method=method,
            generator=generator(),
        ).samples[-1, :, 0]
        for method in ("ts_inf", "ts1")
    }
    signs = torch.tensor([1.0, -1.0]).repeat(N // 2)
    torch.testing.assert_close(ends["ts_inf"], T * signs, atol=1e-3, rtol=0)
    assert ends["ts1"].var().item() == pytest.approx(T, rel=0.15)  # a random walk


def masked_episodes(*, hidden_value):
    """Four noisy copies of one random walk; each copy is hidden half of the time."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        walk = rng.normal(0, 2) + 0.1 * rng.normal(size=(101, 1)).cumsum(axis=0)
        observations = (walk + 0.01 * rng.normal(size=(101, O))).astype(np.float32)
        observed = rng.random((101, O)) >= 0.5
        observations[~observed] += hidden_value
        actions = rng.uniform(-1, 1, (100, A)).astype(np.float32)
        yield Episode(observations, actions, np.zeros(100), False, True, observed=observed)


def test_hidden_values_are_inferred_and_not_read(tmp_path):
    settings = {**FAST, "hidden": [32, 32], "updates": 800, "batch_size": 64, "learning_rate": 1e-2}
    networks = [
        train_ensemble(
            write_episodes(tmp_path / f"{name}-v0", masked_episodes(hidden_value=value)),
            tmp_path / name,
            seed=0,
            **settings,
        )
        for name, value in (("true", 0.0), ("other", 1e3))
    ]
    states = [dict(network.state_dict()) for network in networks]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    observed = torch.tensor([False, False, True, False]).expand(2, 1, O)
    for value in (-2.0, 1.5):
        state = torch.full((2, 1, O), 99.0)
        state[..., 2] = value
        mean = networks[0].predict(state, torch.zeros(2, 1, A), observed).mean
        torch.testing.assert_close(mean, torch.full((2, 1, O), value), atol=0.3, rtol=0)


def test_a_mask_for_networks_without_masks_is_refused(linear):
    _, network = linear
    with pytest.raises(TTOError, match="train it on a dataset with a mask"):
        propagate(
            network,
            torch.zeros(O),
            recorded(torch.zeros(2, A)),
            steps=2,
            particles=3,
            generator=generator(),
            observed=torch.ones(2, O, dtype=torch.bool),
        )


def test_particles_must_be_finite():
    network = random_ensemble()

    def run(start: Tensor, particles: int, actions: Tensor) -> None:
        act, steps = recorded(actions), len(actions)
        propagate(network, start, act, steps=steps, particles=particles, generator=generator())

    with pytest.raises(TTOError, match="expected a finite start, got NaN"):
        run(torch.full((O,), torch.nan), 3, torch.zeros(2, A))
    with pytest.raises(TTOError, match="expected finite actions, got NaN"):
        run(torch.zeros(O), 3, torch.full((2, A), torch.nan))
    with pytest.raises(TTOError, match="at least one particle"):
        run(torch.zeros(O), 0, torch.zeros(2, A))
    network.weights[-1].data.mul_(1e30)
    with pytest.raises(TTOError, match=r"finite particles, got NaN or infinity at step \d of 9"):
        run(torch.ones(O), 3, torch.ones(9, A))


def test_files(tmp_path):
    dataset = write_episodes(tmp_path / "toy-v0", linear_episodes(episodes=5, length=40))
    state = torch.random.get_rng_state()
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        network = train_ensemble(dataset, tmp_path / name, seed=seed, **FAST)
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b
    assert a != c
    loaded = load_ensemble(tmp_path / "c")
    inputs = torch.randn(2, 3, O + A, generator=generator())
    for x, y in zip(loaded(inputs), network(inputs), strict=True):
        assert torch.equal(x, y)
    assert not loaded.masked
    assert torch.equal(state, torch.random.get_rng_state())  # the global generator is left alone
    with open(tmp_path / "a" / "metrics.csv") as file:
        rows = list(csv.DictReader(file))
    columns = ["update", "seconds", "learning_rate", "train_loss", "held_out_loss"]
    assert list(rows[0]) == columns
    assert [int(row["update"]) for row in rows] == [20, 40, 60]


def test_damaged_folders(tmp_path):
    with pytest.raises(TTOError, match=r"nowhere: expected model.safetensors"):
        load_ensemble(tmp_path / "nowhere")
    dataset = write_episodes(tmp_path / "toy-v0", linear_episodes(episodes=3, length=40))
    train_ensemble(dataset, tmp_path / "pets", seed=0, **FAST)
    config = tmp_path / "pets" / "config.json"
    good = json.loads(config.read_text())
    for change, message in (
        ({"hidden": [8]}, "was changed"),
        ({"masked": True}, "was changed"),
        ({"format_version": 7}, "format version 1, got 7"),
    ):
        config.write_text(json.dumps({**good, **change}))
        with pytest.raises(TTOError, match=message) as raised:
            load_ensemble(tmp_path / "pets")
        assert "\n" not in str(raised.value)
    config.write_text(json.dumps(good))
    weights = tmp_path / "pets" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(TTOError, match="train it again"):
        load_ensemble(tmp_path / "pets")


def test_bad_settings_too_few_episodes_and_divergence(tmp_path):
    with pytest.raises(TTOError, match="held_out_fraction"):
        EnsembleConfig(held_out_fraction=1.0)
    with pytest.raises(TTOError, match=r"members: expected a whole number at least 1"):
        EnsembleConfig(members=0)
    one = write_episodes(tmp_path / "one-v0", linear_episodes(episodes=1, length=10))
    with pytest.raises(TTOError, match=r"one-v0: expected at least two episodes"):
        train_ensemble(one, tmp_path / "pets", seed=0)
    two = write_episodes(tmp_path / "two-v0", linear_episodes(episodes=2, length=40))
    with pytest.raises(TTOError, match=r"two-v0: expected finite losses, .* lower ensemble"):
        train_ensemble(two, tmp_path / "pets", seed=0, **{**FAST, "learning_rate": 1e30})
    assert not (tmp_path / "pets").exists()


def test_a_constant_dimension_is_harmless(tmp_path):
    episodes = [copy.deepcopy(episode) for episode in linear_episodes(episodes=3, length=40)]
    for episode in episodes:
        episode.observations[:, 1] = 7.0
    dataset = write_episodes(tmp_path / "toy-v0", episodes)
    network = train_ensemble(dataset, tmp_path / "pets", seed=0, **FAST)
    assert network.observation_std[1] == 1.0
    assert network.observation_mean[1] == 7.0
