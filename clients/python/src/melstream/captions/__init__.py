"""Live captions of a stream: python -m melstream.captions STREAM --model tiny.en"""
from .agreement import LocalAgreement, Word
from .captioner import Caption, Captioner
from .recogniser import FasterWhisper, Recogniser

__all__ = ["Caption", "Captioner", "FasterWhisper", "LocalAgreement", "Recogniser", "Word"]
