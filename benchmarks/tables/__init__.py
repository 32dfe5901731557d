"""Shoal's estimators beside their peers on tables: how right they are, and how long they take.

    python -m benchmarks.tables [TABLE ...] [--splits N] [--optional] [--quick] [--markdown FILE]
    python -m benchmarks.tables --ablation [--splits N] [--quick] [--markdown FILE]

`data.py` and `generated.py` say which tables there are, `table.py` how they are split,
`contestants.py` who takes part and at which settings, `measure.py` lets them take turns,
`evidence.py` says how sure a difference is, `report.py` prints. `ablation.py` measures what each
setting of the preset "tuned" is worth, on the tables that it was chosen on.
"""
