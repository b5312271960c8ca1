"""Node: evidence -> is it enough?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from langgraph.runtime import Runtime

from core.events import NoticeEvent, NoticeKind, RefusalReason, Stage, StageEvent
from core.text import language, matching, terms
from core.types import Candidate
from graph.context import GraphContext
from graph.state import AnswerState

LOOKED_AT = 3
COSINE_LOW, COSINE_HIGH = 0.15, 0.65
DENSE_SHARE = 0.5
UNSEEN_IDF = 6.0
"""A term that occurs nowhere weighs like a rare one: what is asked about is not there."""


async def weigh(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Judge without a model whether the evidence can answer.

    Reads ``query``, ``evidence`` and ``term_idf``; writes ``evidence_score`` (0–1) and, when it is below the threshold,
    ``refusal``. Confidential evidence is announced: it marks the conversation for every question that follows.
    """
    context = runtime.context
    await context.emit(StageEvent(stage=Stage.WEIGH))
    if any(candidate.chunk.confidential for candidate in state["evidence"]):
        text = "Confidential passages were found: from here on only local models see this conversation."
        await context.emit(NoticeEvent(kind=NoticeKind.CONFIDENTIAL, component="llm", text=text))
    if not state["searched_documents"]:
        return {"evidence_score": 0.0, "refusal": RefusalReason.NO_DOCUMENTS}
    score = evidence_score(state["query"], state["evidence"], state.get("term_idf", {}))
    if score >= context.settings.min_evidence:
        return {"evidence_score": score}
    return {"evidence_score": score, "refusal": RefusalReason.NOT_IN_DOCUMENTS}


def evidence_score(query: str, evidence: Sequence[Candidate], term_idf: Mapping[str, float]) -> float:
    """Half meaning (best cosine), half words (share of the question's weight that one passage covers).

    Words decide alone while the vector store is down. Then those of the question's grammar are left out: in a small
    collection a "how" that no document says would outweigh everything that one says.
    """
    if not evidence:
        return 0.0
    cosines = [candidate.dense_score for candidate in evidence[:LOOKED_AT] if candidate.dense_score is not None]
    spoken = language.detect(query)
    wanted = set(terms.terms(query, spoken)) if cosines else matching.content_terms(query, spoken)
    covered = max(coverage(wanted, candidate, term_idf) for candidate in evidence[:LOOKED_AT])
    if not cosines:
        return covered
    meaning = (max(cosines) - COSINE_LOW) / (COSINE_HIGH - COSINE_LOW)
    return DENSE_SHARE * min(max(meaning, 0.0), 1.0) + (1 - DENSE_SHARE) * covered


def coverage(wanted: AbstractSet[str], candidate: Candidate, term_idf: Mapping[str, float]) -> float:
    """Share of the weight of a question's terms that the passage has."""
    weights = {term: term_idf.get(term) or UNSEEN_IDF for term in wanted}
    total = sum(weights.values())
    if not total:
        return 0.0
    chunk = candidate.chunk
    present = set(terms.terms(f"{chunk.context} {chunk.content}", chunk.language))
    return sum(weight for term, weight in weights.items() if term in present) / total
