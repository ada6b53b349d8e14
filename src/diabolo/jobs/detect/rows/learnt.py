"""Whether rows are those that a detector was fitted to."""

import numpy as np

from diabolo.data.source import Source, Subset
from diabolo.jobs.detect.rows.opened import of
from diabolo.jobs.detect.rows.rows import prepared_rows
from diabolo.training.files.contents import Known

MOST_LOOKED_AT = 200_000


def share_learnt(trained: Known, source: Source) -> float:
    """Return what share of the learnt rows that the model keeps are among the first 200,000 of these rows."""
    kept = {row.tobytes() for row in of(trained).references}
    given = prepared_rows(trained, Subset(source, np.arange(min(len(source), MOST_LOOKED_AT))))
    return len(kept & {row.tobytes() for row in given}) / len(kept)
