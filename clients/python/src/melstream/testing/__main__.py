"""python -m melstream.testing: parity with the genuine libraries."""
import sys

from ._parity import main

sys.exit(main())
