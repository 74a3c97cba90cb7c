"""What the product needs from outside: each port is a need, named so, with few methods and our own types.

Adapters in `chalicelib/adapters/` implement them and translate every vendor error to `core.errors` (`UpstreamUnavailable` when
asking again may help, `UpstreamRejected` when not, `InvalidAnswer` when the answer is unusable). One contract test class per
port runs on every adapter. Only `deps.py` knows which adapter serves which port. This package imports nothing of ours.
"""

from chalicelib.ports.models import (
    Embedder,
    ImageAnswer,
    ImageModel,
    ImageRequest,
    ModelList,
    Repair,
    SentenceEmbedder,
    TextAnswer,
    TextModel,
    TextRequest,
)
from chalicelib.ports.services import Clock, Files, FileStore, Jobs, Secrets, Tokens, UserPool, Workflow
from chalicelib.ports.targets import (
    Article,
    ArticleImage,
    Check,
    Publisher,
    RemoteArticle,
    RemoteBatch,
    RemotePost,
    RemoteSite,
    RemoteState,
    Term,
)

__all__ = [
    "Article",
    "ArticleImage",
    "Check",
    "Clock",
    "Embedder",
    "FileStore",
    "Files",
    "ImageAnswer",
    "ImageModel",
    "ImageRequest",
    "Jobs",
    "ModelList",
    "Publisher",
    "RemoteArticle",
    "RemoteBatch",
    "RemotePost",
    "RemoteSite",
    "RemoteState",
    "Repair",
    "Secrets",
    "SentenceEmbedder",
    "Term",
    "TextAnswer",
    "TextModel",
    "TextRequest",
    "Tokens",
    "UserPool",
    "Workflow",
]
