"""Compiles all kernels in Triton for an NVIDIA H100, which takes no GPU, and prints how
much memory the threads of each share. `test_triton.py` starts it in a process of its
own: where kernels are interpreted, none can be compiled.
"""

from typing import Any, Dict

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from spacy_crf_tagger.crf.backends.triton import kernels

H100 = GPUTarget("cuda", 90, 32)
FEW, MANY = 16, 128
POINTERS = {
    "offsets": "*i64",
    "path": "*i64",
    "is_trusted": "*i1",
    "came_from": "*i16",
    "counts": "*i32",
    **dict.fromkeys(("emissions", "start", "end", "probabilities"), "*fp32"),
}
KERNELS = [
    ("pad_transitions", {"BLOCK": FEW, "ROWS": 16, "IS_EXP": True}),
    ("pad_transitions", {"BLOCK": FEW, "ROWS": 16, "IS_EXP": False}),
    ("forward_backward", {"BLOCK": FEW, "HAS_MARGINALS": True}),
    ("forward_backward", {"BLOCK": MANY, "HAS_MARGINALS": True}),
    ("forward_backward", {"BLOCK": FEW, "HAS_MARGINALS": False}),
    ("viterbi", {"BLOCK": FEW}),
    ("viterbi", {"BLOCK": MANY}),
    ("subtract_paths", {"TOKENS": 128}),
]


def compile_kernel(name: str, constants: Dict[str, Any]) -> Any:
    """Compile a kernel; what is not said of its arguments are pointers to doubles."""
    kernel = getattr(kernels, name)
    pointers = dict(POINTERS, tags="*i64" if name == "viterbi" else "*fp32")
    pointers |= {"n_tags": "i32", **dict.fromkeys(constants, "constexpr")}
    types = {argument: pointers.get(argument, "*fp64") for argument in kernel.arg_names}
    n_warps = 8 if constants.get("BLOCK") == MANY else 1
    source = ASTSource(kernel, types, constants)
    return triton.compile(source, target=H100, options={"num_warps": n_warps})


if __name__ == "__main__":
    for name, constants in KERNELS:
        compiled = compile_kernel(name, constants)
        assert compiled.asm["cubin"]
        print(name, *constants.values(), compiled.metadata.shared)
