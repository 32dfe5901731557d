import numpy as np
import pytest

import shoal
from shoal.book import searches
from shoal.book.text import Text


@pytest.fixture(scope="module")
def data():
    return shoal.load("digits", valid=0)


def test_the_space_is_the_books():
    space = searches.book_space()
    assert space.network == shoal.mlp([100] * 6)
    assert space.optimizer == shoal.SGD(lr=shoal.log_uniform(1e-6, 1e-2))
    assert space.weight_decay == shoal.log_uniform(1e-8, 1e-4)
    assert (space.init, space.batch_size) == ("he", 100)


def test_every_seed_has_its_own_images_and_none_twice(data):
    first, again, other = (searches.few(data, seed) for seed in (0, 0, 1))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert (len(first.train), len(first.valid)) == (400, 100)
    np.testing.assert_array_equal(first.test.x, data.test.x)
    rows = np.concatenate([first.train.x, first.valid.x]).reshape(500, -1)
    all_rows = data.train.x.reshape(len(data.train), -1)
    used = [(all_rows == row).all(axis=1).sum() for row in rows]
    assert min(used) >= 1  # all are training images
    alike = len(all_rows) - len(np.unique(all_rows, axis=0))
    assert 500 - len(np.unique(rows, axis=0)) <= alike


@pytest.fixture(scope="module")
def study(data):
    space = searches.book_space((1e-3, 1e-1))
    return shoal.search(
        space, searches.few(data, 0), trials=5, epochs=2, strategy="full", finalists=1,
        final_seeds=2,
    )  # fmt: skip


def test_what_is_read_from_a_study_is_what_the_study_says(study):
    frame = study.to_frame()
    assert searches.scores(study).tolist() == frame["valid_accuracy"].tolist()
    assert searches.values_of(study, searches.LR_PATH).tolist() == frame["optimizer.lr"].tolist()
    assert searches.values_of(study, searches.DECAY_PATH).tolist() == frame["weight_decay"].tolist()
    assert searches.on_test(study) == pytest.approx(np.mean(study.test.values))
    assert searches.lost_on_test(study) == 0
    assert searches.best_so_far(searches.scores(study))[-1] == frame["valid_accuracy"].max()


def test_winners_whose_networks_all_diverged_have_no_score_and_are_counted(study, monkeypatch):
    monkeypatch.setattr(study, "test", None)
    assert np.isnan(searches.on_test(study))
    assert searches.lost_on_test(study) == 2


def test_half_a_study_ends_the_experiment(study, monkeypatch):
    assert searches.whole(study) is study
    monkeypatch.setattr(study, "complete", False)
    with pytest.raises(KeyboardInterrupt):
        searches.whole(study)


def test_a_trial_that_diverged_is_never_the_best_so_far():
    assert searches.best_so_far([-np.inf, 0.2, -np.inf]).tolist() == [-np.inf, 0.2, 0.2]


def test_lost_networks_are_said_only_where_there_are_any():
    names = {"tpe": Text("TPE", "TPE 法"), "random": Text("random", "随机")}
    assert searches.said_lost({"tpe": [0], "random": [0, 0]}, names) == Text("", "")
    said = searches.said_lost({"tpe": [1, 2], "random": [0, 1]}, names)
    assert "TPE 3, random 1." in said["en"]
    assert "TPE 法 3、随机 1。" in said["zh"]
