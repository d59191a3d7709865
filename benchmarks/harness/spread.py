"""Medians and quartiles of repeated measurements, by what was measured."""

import statistics


def by_part(runs: list[dict[str, float]]) -> dict[str, list[float]]:
    """RETURNS (dict[str, list[float]]): What the runs found of each part."""
    return {part: [run[part] for run in runs] for part in runs[0]}


def medians(measured: dict[str, list[float]]) -> dict[str, float]:
    """RETURNS (dict[str, float]): The median of each list."""
    return {name: statistics.median(each) for name, each in measured.items()}


def quartiles(measured: dict[str, list[float]]) -> dict[str, list[float]]:
    """RETURNS (dict[str, list[float]]): The quartiles of each list."""
    return {name: statistics.quantiles(each, n=4) for name, each in measured.items()}


def without_first(measured: dict[str, list[float]]) -> dict[str, list[float]]:
    """RETURNS (dict[str, list[float]]): All but the first measurement of each list,
    which loads, compiles and fills caches.
    """
    return {name: each[1:] for name, each in measured.items()}
