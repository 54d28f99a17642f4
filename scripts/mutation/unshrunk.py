"""A profile of Hypothesis for pytest: the same examples each time, and none made smaller once it has failed.

That a change is noticed is all that is asked, and the same run must notice the same changes.
"""

from __future__ import annotations

from hypothesis import Phase, settings

settings.register_profile(
    "unshrunk", derandomize=True, database=None, deadline=None, phases=(Phase.explicit, Phase.generate)
)
