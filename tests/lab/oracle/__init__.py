# SPDX-License-Identifier: MIT
"""The in-band kernel as the oracle of the responder: frames, their replay, and the comparison of the replies."""
