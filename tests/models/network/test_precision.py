"""LSTMs inside torch.autocast, whatever the processor knows."""

import pytest
import torch
from torch import nn

from spacy_crf_tagger.models.network import precision
from spacy_crf_tagger.models.network.bilstm import BiLSTM
from spacy_crf_tagger.models.network.precision import can_compute_lstms, lstm_precision

CPU = torch.device("cpu")


@pytest.fixture(params=[torch.bfloat16, torch.float16], ids=str)
def autocast(request):
    with torch.autocast("cpu", dtype=request.param):
        yield request.param


def test_lstms_are_tried_without_drawing_random_numbers(autocast):
    can_compute_lstms.cache_clear()
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    can_compute_lstms(autocast)
    assert torch.equal(torch.rand(3), expected)


def test_what_is_found_is_what_happens_to_a_module():
    lstm, block = nn.LSTM(16, 16), torch.randn(5, 3, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        if can_compute_lstms(torch.bfloat16):
            assert lstm(block)[0].dtype == torch.bfloat16
        else:
            with pytest.raises(RuntimeError):
                lstm(block)


@pytest.mark.parametrize("known", [True, False])
def test_autocast_goes_on_only_where_it_can(known, autocast, monkeypatch):
    monkeypatch.setattr(precision, "can_compute_lstms", lambda dtype: known)
    with lstm_precision(CPU):
        assert torch.is_autocast_enabled("cpu") == known
        assert torch.get_autocast_dtype("cpu") == autocast
    assert torch.is_autocast_enabled("cpu")


def test_nothing_is_tried_without_autocast(monkeypatch):
    monkeypatch.setattr(precision, "can_compute_lstms", pytest.fail)
    with lstm_precision(CPU):
        assert not torch.is_autocast_enabled("cpu")


def test_bilstm_computes_in_single_precision_where_it_must(autocast, monkeypatch):
    monkeypatch.setattr(precision, "can_compute_lstms", lambda dtype: False)
    bilstm, block = BiLSTM(8, 8, 2), torch.randn(5, 3, 8)
    reverse = torch.arange(15)
    with torch.autocast("cpu", enabled=False):
        expected = bilstm(block, reverse, 0.0, is_train=True)
    states = bilstm(block, reverse, 0.0, is_train=True)
    assert states.dtype == torch.float32
    assert torch.equal(states, expected)
    states.sum().backward()
    assert all(parameter.grad is not None for parameter in bilstm.parameters())
