"""What is loaded, and when: in processes of their own."""

import subprocess
import sys


def run_python(code: str) -> str:
    process = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", code],
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_importing_the_package_loads_no_backend() -> None:
    run_python(
        "import sys\n"
        "import spacy_crf_tagger.crf\n"
        "loaded = {'numba', 'torch', 'spacy', 'thinc'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )


def test_arrays_need_no_torch() -> None:
    run_python(
        "import sys\n"
        "import numpy as np\n"
        "from spacy_crf_tagger import crf\n"
        "potentials = crf.Potentials(np.zeros((3, 2)), None, None, None, [3])\n"
        "crf.viterbi(crf.Lattice.build(potentials))\n"
        "assert 'torch' not in sys.modules\n"
    )


def test_arrays_need_no_numba() -> None:
    printed = run_python(
        "import sys\n"
        "sys.modules['numba'] = None\n"
        "import numpy as np\n"
        "from spacy_crf_tagger import crf\n"
        "ones = np.ones(2, dtype=np.float32)\n"
        "potentials = crf.Potentials(\n"
        "    np.zeros((3, 2), np.float32), np.zeros((2, 2)), ones, ones, [3]\n"
        ")\n"
        "constraints = crf.TagScheme(['A'], 'bio').constraints\n"
        "lattice = crf.Lattice.build(potentials)\n"
        "known = lattice.restrict(np.array([[True, True]] * 2 + [[True, False]]))\n"
        "losses, gradients = crf.negative_log_likelihood(lattice, known)\n"
        "results = [\n"
        "    crf.log_partition(lattice), *crf.forward_backward(lattice),\n"
        "    crf.edge_marginals(lattice, [1]), *crf.viterbi(lattice),\n"
        "    losses, *gradients,\n"
        "]\n"
        "assert all(type(result) is np.ndarray for result in results)\n"
        "print(float(results[0][0]), float(losses[0]))\n"
    )
    log_z, loss = map(float, printed.split())
    # Eight paths of score 2, of which four agree.
    assert abs(log_z - 2.0 - 3 * 0.6931471805599453) < 1e-12
    assert abs(loss - 0.6931471805599453) < 1e-12
