#!/usr/bin/env bash
# Checks this project on a machine with an NVIDIA GPU that has torch, Triton, CuPy, Numba
# and SciPy, and no network. docs/gpu.md says how.
#
#   scripts/gpu-check.sh pack FOLDER [PYTHON]        here, in the project's environment:
#       packages for that version of Python (3.12) and the corpora go to FOLDER
#   scripts/gpu-check.sh run FOLDER OUT [--cpu]      there, in a copy of this project:
#       unpacks, tests, trains and times, in eight minutes; JSON goes to OUT. With --cpu
#       in small sizes and without a GPU, to rehearse.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
}

pack() {
    local folder=$1 python=${2:-3.12} most=$((64 * 1024 * 1024))
    local -a platforms=()
    for minor in 39 35 34 31 28 27 24 17 12 5; do
        platforms+=(--platform "manylinux_2_${minor}_x86_64")
    done
    platforms+=(--platform manylinux2014_x86_64 --platform manylinux1_x86_64)
    local site
    site=$(mktemp -d)
    # Expanded now: `site` is gone when the shell ends.
    # shellcheck disable=SC2064
    trap "rm -rf '$site'" EXIT
    mkdir -p "$folder"
    python -m pip wheel --quiet --no-deps -w "$site" .
    # Nothing is resolved: what goes with what is known from what is installed here.
    python scripts/packed_requirements.py >"$site/packages.txt"
    python -m pip install --quiet --no-deps --no-compile --only-binary=:all: \
        --python-version "$python" --implementation cp "${platforms[@]}" \
        --target "$site/packages" -r "$site/packages.txt" "$site"/*.whl
    # Half as large as the wheels are.
    tar -C "$site" -cf - packages | xz -T0 -2 >"$folder/packages.tar.xz"
    python -m benchmarks.gpu --prepare --work "$folder/corpora"
    local size
    size=$(($(du -sb "$folder" | cut -f1) + $(git ls-files -z | du -cb --files0-from=- | tail -1 | cut -f1)))
    echo "$((size / 1024 / 1024)) MiB, the project included"
    if [ "$size" -gt "$most" ]; then
        echo "More than 64 MiB: see what is large in $folder/packages.tar.xz" >&2
        exit 1
    fi
}

run() {
    local folder=$1 out=$2 began=$SECONDS site
    shift 2
    mkdir -p "$out"
    out=$(realpath "$out")
    folder=$(realpath "$folder")
    site=$(mktemp -d)
    # Expanded now: `site` is gone when the shell ends.
    # shellcheck disable=SC2064
    trap "rm -rf '$site'" EXIT
    tar -C "$site" -xJf "$folder/packages.tar.xz"
    export PYTHONPATH="$site/packages:$PWD" PYTHONUNBUFFERED=1 OMP_NUM_THREADS=${OMP_NUM_THREADS:-4}
    local marker=gpu
    if [ "${1:-}" = --cpu ]; then
        export CUDA_VISIBLE_DEVICES=
        marker=triton
    fi
    # What fails does not keep the rest from being measured.
    timeout 150 python3 -m pytest -m "$marker" -q -p no:cacheprovider \
        --junit-xml "$out/tests.xml" tests/crf tests/pipeline/ner/test_gpu.py \
        >"$out/tests.log" 2>&1 || echo "tests ended with $?: see $out/tests.log"
    tail -n 15 "$out/tests.log"
    cp -r "$folder/corpora" "$site/work"
    # What is found is written after each part, if the time should not suffice.
    timeout $((470 - SECONDS + began)) python3 -m benchmarks.gpu \
        --work "$site/work" --out "$out/gpu-check.json" --tests "$out/tests.xml" "$@"
    echo "$((SECONDS - began)) seconds"
}

case "${1:-}" in
pack) [ $# -ge 2 ] && [ $# -le 3 ] || usage ;;
run) [ $# -ge 3 ] && [ $# -le 4 ] || usage ;;
*) usage ;;
esac
"$@"
