"""Diagnosis: every rule on every member, gathered by arm."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from shoal.engine.diagnosis.case import Case, case_of
from shoal.engine.diagnosis.finding import Finding, Symptom
from shoal.engine.diagnosis.rules import RULES, Rule

if TYPE_CHECKING:
    from shoal.engine.history import History


def diagnose(history: History) -> list[Finding]:
    """What went wrong, arm by arm; empty if nothing did.

    Args:
        history: of a run, best with instruments: without them only the losses are looked at.
    """
    members: dict[str, list[int]] = {}
    for i, member in enumerate(history.members):
        members.setdefault(member.arm, []).append(i)
    findings = []
    for arm, at in members.items():
        cases = [case_of(history, i) for i in at]
        symptoms = [symptoms_of(case) for case in cases]
        for rule in RULES:
            ill = [k for k, found in enumerate(symptoms) if rule.name in found]
            if ill:
                seeds = [history.members[at[k]].seed for k in ill]
                found = [symptoms[k][rule.name] for k in ill]
                findings.append(_finding(rule, arm, seeds, cases[ill[0]], found, len(at)))
    return findings


def symptoms_of(case: Case) -> dict[str, Symptom]:
    """What each rule sees in one member, without mere consequences of other symptoms."""
    seen = {
        rule.name: symptom
        for rule in RULES
        if (case.diverged < 0 or rule.of_diverged) and (symptom := rule.find(case)) is not None
    }
    order = list(seen)  # that of the table

    def explained(name: str) -> bool:
        when = (seen[name].step, order.index(name))
        causes = (cause for cause in _BY_NAME[name].because_of if cause in seen)
        return any((seen[cause].step, order.index(cause)) < when for cause in causes)

    return {name: symptom for name, symptom in seen.items() if not explained(name)}


_BY_NAME = {rule.name: rule for rule in RULES}


def _finding(
    rule: Rule,
    arm: str,
    seeds: Sequence[int],
    case: Case,
    symptoms: Sequence[Symptom],
    members: int,
) -> Finding:
    layers = {layer for symptom in symptoms for layer in symptom.layers}
    whole = Symptom(
        median(symptom.value for symptom in symptoms),
        min(symptom.step for symptom in symptoms),
        tuple(sorted(layers, key=lambda layer: int(layer.split()[0]))),
        symptoms[0].measure,
    )
    return Finding(
        rule.name,
        arm,
        tuple(seeds),
        members,
        whole.layers,
        whole.step,
        whole.value,
        rule.seen(case.recipe, whole),
        rule.advice(case.recipe, whole),
    )
