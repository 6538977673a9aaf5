"""The scripts have several heads: two branches were started from one revision, and nobody has merged them.

``head`` then means nothing, and the order in which the branches run is left to chance. Branches that carry a label of
their own are meant to stay apart.
"""

from __future__ import annotations

from ...report import Severity
from ..context import Path
from ..rule import Found, path_rule


@path_rule(
    severity=Severity.WARNING,
    remedy="Merge them with merge_heads, or rebase one branch by setting its down_revision to the other head.",
)
def several_heads(path: Path) -> Found | None:
    """Judge the heads of the scripts."""
    if len(path.heads) < 2 or set(path.heads) <= set(path.labelled_heads):  # several
        return None
    heads = ", ".join(path.heads)
    return Found(
        f"The scripts have {len(path.heads)} heads: {heads}.",
        evidence={"heads": list(path.heads)},
        revision=path.revisions[-1].revision if path.revisions else path.heads[0],
    )
