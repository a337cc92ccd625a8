"""`python -m pipeline.batch`: the batch process, alone."""

import logging

from pipeline.batch.schedule import serve
from pipeline.settings import settings

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # SIGTERM keeps its default action, the end: a run that is cut off starts over, so there is
    # nothing to tidy up, and no call into a library can hold the signal back.
    serve(settings())
