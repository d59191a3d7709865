"""Thinc shim of the torch network: builds it at initialisation, rebuilds it on load,
grows it, and updates its parameters by Thinc's optimizer.
"""

import contextlib
import copy
import os
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Optional,
    Tuple,
    cast,
)

import numpy as np
import srsly
import torch
from numpy.typing import NDArray
from thinc.api import Optimizer, get_torch_default_device
from thinc.shims import PyTorchShim
from thinc.types import FloatsXd
from thinc.util import torch2xp, xp2torch
from torch import Tensor, nn

from . import kernels
from .isolation import making_tensors, predicting, training
from .network import NetworkConfig, ScoreNetwork
from .network.score_network import CRF_PARAMETERS, Scores, overlay

if TYPE_CHECKING:
    from .network.packed import PackedNetwork

# A forked worker inherits torch's thread pool without its threads, and the first
# parallel operation then waits for them forever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))

BackpropScores = Callable[[List[Optional[Tensor]]], Optional[Tensor]]


class ScoreShim(PyTorchShim):
    """Holds a `ScoreNetwork`, or none before it is built.

    The tag dimensions of a network grow at the end, so an optimizer's state for a
    smaller network stays valid: it is padded with zeros when it is next used.
    """

    # For predictions on the CPU. Shims of earlier versions, unpickled, have none.
    _packed: "Optional[PackedNetwork]" = None

    def __init__(
        self, learn_rate_scale: float = 1.0, crf_learn_rate_scale: float = 1.0
    ) -> None:
        """Create a shim without a network.

        learn_rate_scale (float): Factor on the learning rate of the whole network below
            the CRF.
        crf_learn_rate_scale (float): Factor on the learning rate of transition, start
            and end scores.
        """
        with torch.device("cpu"):  # not torch's default, which may be anything
            super().__init__(None)
        self.learn_rate_scale = learn_rate_scale
        self.crf_learn_rate_scale = crf_learn_rate_scale

    @property
    def network(self) -> Optional[ScoreNetwork]:
        """RETURNS (Optional[ScoreNetwork]): The network, if it is built."""
        return cast("Optional[ScoreNetwork]", self._model)

    @property
    def is_built(self) -> bool:
        """RETURNS (bool): Whether there is a network."""
        return self._model is not None

    @property
    def built(self) -> ScoreNetwork:
        """RETURNS (ScoreNetwork): The network.

        RAISES (KeyError): If it is not built; Thinc raises this for missing weights.
        """
        if self.network is None:
            raise KeyError("The network has no weights: the model is not initialized.")
        return self.network

    @property
    def device(self) -> torch.device:
        """RETURNS (torch.device): Where the network is, or will be built."""
        if self.network is None:
            return get_torch_default_device()
        return self.network.emission.weight.device

    def to_device(self, device_type: str, device_id: int) -> None:
        """Move the network, if it is built.

        device_type (str): `"cpu"` or `"gpu"`.
        device_id (int): The number of the GPU.
        """
        if self.network is not None:
            super().to_device(device_type, device_id)

    def build(self, config: NetworkConfig) -> None:
        """Install a network with fresh weights.

        config (NetworkConfig): Its shape.
        """
        with making_tensors():
            self._model = ScoreNetwork(config).to(get_torch_default_device())

    def grow(self, n_tags: int) -> None:
        """Add tags, which stay dormant until `wake` is called.

        n_tags (int): The new number of tags.
        """
        with making_tensors():
            self._model = self.built.grown(n_tags)

    def wake(self) -> None:
        """Let labels that were added take part: they are about to be trained."""
        self.built.wake()

    def predict(  # type: ignore[override]
        self,
        vectors: FloatsXd,
        lengths: NDArray[np.int64],
        rows: Optional[NDArray[np.int64]] = None,
    ) -> List[Optional[FloatsXd]]:
        """Score tags without gradients.

        vectors (FloatsXd): Token vectors, [N, nI], or those of the different words,
            [V, nI].
        lengths (NDArray[int]): Tokens of each document, [B].
        rows (Optional[NDArray[int]]): The vector of each token, [N]; if None, each has
            its own.
        RETURNS (List[Optional[FloatsXd]]): The scores in single precision, as
            `ScoreNetwork.forward` has them.
        """
        if kernels.can_compute(vectors) and self.built.is_on_cpu:
            packed = self._pack()
            emissions = packed.emissions(cast(Any, vectors), rows, lengths)
            return cast("List[Optional[FloatsXd]]", [emissions, *packed.crf])
        with making_tensors():
            tensor = xp2torch(vectors, device=self.device)
        with predicting():
            scores: Scores = self.built(tensor, lengths, rows=rows)
        return as_arrays(scores)

    def _pack(self) -> "PackedNetwork":
        from .network.packed import PackedNetwork

        network, packed = self.built, self._packed
        if packed is None or not packed.is_of(network):
            packed = self._packed = PackedNetwork(network)
        return packed

    def begin_update(  # type: ignore[override]
        self, vectors: Tensor, lengths: NDArray[np.int64], dropout: float
    ) -> Tuple[Scores, BackpropScores]:
        """Score tags in training.

        vectors (Tensor): Token vectors that require gradients, [N, nI].
        lengths (NDArray[int]): Tokens of each document, [B].
        dropout (float): Rate of locked dropout.
        RETURNS (Tuple[Scores, Callable]): The scores, and a callback that takes their
            gradients and returns that of the vectors.
        """
        network = self.built
        with training(self.device):
            scores: Scores = network(vectors, lengths, dropout, is_train=True)

        def backprop(gradients: List[Optional[Tensor]]) -> Optional[Tensor]:
            pairs = [
                (score, gradient)
                for score, gradient in zip(scores, gradients, strict=True)
                if score is not None and gradient is not None
            ]
            with training(self.device):
                torch.autograd.backward(
                    [score for score, _ in pairs], [gradient for _, gradient in pairs]
                )
            return vectors.grad

        return scores, backprop

    def finish_update(self, optimizer: Optimizer) -> None:
        """Let the optimizer change every parameter that has a gradient.

        optimizer (Optimizer): A Thinc optimizer. `Language.rehearse` passes a function
            that keeps the gradients until later, so it gets copies of them.
        """
        keeps_gradients = not isinstance(optimizer, Optimizer)
        for name, parameter in self.built.named_parameters():
            gradient = parameter.grad
            if gradient is None:
                continue
            weights = cast(FloatsXd, torch2xp(parameter.data))
            key = (self.id, name)
            if keeps_gradients:
                # Moments of their own: they are out of reach when the network grows.
                key = (self.id, f"rehearse:{name}:{weights.shape}")
                optimizer(key, weights, cast(FloatsXd, torch2xp(gradient.clone())))
            else:
                _grow_optimizer_state(optimizer, key, weights)
                is_crf = name in CRF_PARAMETERS
                scale = self.crf_learn_rate_scale if is_crf else self.learn_rate_scale
                updated, _ = optimizer(
                    key, weights, cast(FloatsXd, torch2xp(gradient)), lr_scale=scale
                )
                _write(parameter, xp2torch(updated, device=parameter.device))
            gradient.zero_()
        self.built.note_change()

    @contextlib.contextmanager
    def use_params(self, params: Dict[Any, FloatsXd]) -> Iterator[None]:
        """Use averaged weights inside a context. (Thinc's own PyTorchShim looks for
        keys that its optimizer does not write, and never finds them.)

        params (Dict): The optimizer's averages, by shim or node id and name.
        """
        replaced: Dict[str, Tensor] = {}
        parameters = {}
        if self.network is not None:
            parameters = dict(self.network.named_parameters())
        for name, parameter in parameters.items():
            average = params.get((self.id, name))
            if average is not None:
                replaced[name] = parameter.data
                # Averages may be from before the network grew.
                parameter.data = overlay(
                    parameter.data.clone(), xp2torch(average, device=parameter.device)
                )
        if self.network is not None:
            self.network.note_change()
        try:
            yield
        finally:
            for name, values in replaced.items():
                parameters[name].data = values
            if self.network is not None:
                self.network.note_change()

    def unbuilt(self) -> "ScoreShim":
        """RETURNS (ScoreShim): A shim with the same settings and no network. Its id is
        new, so that no optimizer takes its weights for ours.
        """
        return ScoreShim(self.learn_rate_scale, self.crf_learn_rate_scale)

    def __getstate__(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): What copies are made of: all but what can be made
        from the rest.
        """
        return {**self.__dict__, "_packed": None}

    def copy(self) -> "ScoreShim":
        """Copy the shim under a new id, so that both can be trained by one optimizer.

        RETURNS (ScoreShim): The copy.
        """
        with making_tensors():
            copied = copy.deepcopy(self)
        copied.id = self.unbuilt().id
        return copied

    def to_bytes(self) -> bytes:
        """Serialize the network's shape and weights; equal weights, equal bytes.

        RETURNS (bytes): A msgpack message of plain values and arrays.
        """
        message: Dict[str, Any] = {"config": None, "weights": {}}
        if self.network is not None:
            message["config"] = self.network.config.to_dict()
            message["weights"] = {
                name: values.cpu().numpy()
                for name, values in self.network.state_dict().items()
            }
        return cast(bytes, srsly.msgpack_dumps(message))

    def from_bytes(self, bytes_data: bytes) -> "ScoreShim":
        """Rebuild the network as it was, whatever it is now.

        bytes_data (bytes): The result of `to_bytes`.
        RETURNS (ScoreShim): The shim.
        RAISES (ValueError): If the data are damaged.
        """
        try:
            message = srsly.msgpack_loads(bytes_data)
            if message["config"] is None:
                self._model = None
                return self
            with making_tensors():
                network = ScoreNetwork(NetworkConfig(**message["config"]))
                weights = {
                    name: torch.from_numpy(np.array(values))
                    for name, values in message["weights"].items()
                }
                network.load_state_dict(weights)
                network = network.to(get_torch_default_device())
        except (KeyError, TypeError, RuntimeError, ValueError) as error:
            raise ValueError(
                "The weights of the CRF tagger network cannot be read: the model file "
                f"is damaged or of another version ({error}). Save the pipeline again, "
                "or reinstall its package."
            ) from error
        self._model = network
        return self


def as_arrays(scores: Scores) -> List[Optional[FloatsXd]]:
    """RETURNS (List[Optional[FloatsXd]]): Scores in single precision: an enclosing
    torch.autocast makes the network compute them in half precision.
    """
    return [
        None if score is None else cast(FloatsXd, torch2xp(score.detach().float()))
        for score in scores
    ]


def _write(parameter: nn.Parameter, values: Tensor) -> None:
    """Set a parameter. What an optimizer has changed in place is there already: to set
    it as `data` would make a view of a view of …, one level deeper at each step.
    """
    if values.data_ptr() != parameter.data_ptr():
        parameter.data.copy_(values)


def _grow_optimizer_state(
    optimizer: Optimizer, key: Tuple[int, str], weights: FloatsXd
) -> None:
    """Pad an optimizer's moments (stored flat) and averages to grown weights."""
    averages: Dict[Any, Any] = optimizer.averages or {}
    if key in averages and averages[key].shape != weights.shape:
        averages[key] = overlay(weights.copy(), averages[key])
    for moments in (optimizer.mom1, optimizer.mom2):
        if key in moments and moments[key].size != weights.size:
            old = _shape_before_growth(key[1], moments[key].size, weights.shape)
            grown = overlay(weights * 0, moments[key].reshape(old))
            moments[key] = grown.reshape(-1)


def _shape_before_growth(
    name: str, size: int, shape: Tuple[int, ...]
) -> Tuple[int, ...]:
    """RETURNS (Tuple[int, ...]): The shape of `size` values whose tag dimensions
    (both of the transitions, the first one otherwise) were smaller.
    """
    if name == "transitions":
        side = round(size**0.5)
        return side, side
    rest = int(np.prod(shape[1:]))
    return (size // rest, *shape[1:])
