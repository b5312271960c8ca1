"""How good are search and answers? Measured through the real upload, worker and retrieval path.

What is asked stands in ``questions``, how it is read in ``sets``; ``retrieval`` and ``answers`` measure, and
``calibration``, ``comparison`` and ``report`` say what to make of it.
"""

from services.evaluation.answers import answer_in, measure_answers
from services.evaluation.questions import Question, RetrievalSet
from services.evaluation.retrieval import MEASURES, measure_retrieval, rank_scores
from services.evaluation.scratch import CLIENT, Progress, load_texts, scratch_organization
from services.evaluation.sets import read_questions, read_retrieval_set

__all__ = [
    "CLIENT",
    "MEASURES",
    "Progress",
    "Question",
    "RetrievalSet",
    "answer_in",
    "load_texts",
    "measure_answers",
    "measure_retrieval",
    "rank_scores",
    "read_questions",
    "read_retrieval_set",
    "scratch_organization",
]
