"""Which rows are there?"""

from db.models.accounts import (
    ApiKey,
    FederatedIdentity,
    Group,
    GroupMember,
    Organization,
    Session,
    SignInLink,
    User,
)
from db.models.audit import AuditLog
from db.models.chats import Chat, Feedback, Message
from db.models.deletions import DeletionReceipt
from db.models.documents import (
    Collection,
    Document,
    DocumentChunk,
    DocumentVersion,
    Grant,
    TermStatistic,
    VersionBand,
    VersionPeriod,
)
from db.models.indexes import IndexedVersion, KeptVectors, SearchIndex
from db.models.maintenance import MaintenanceReport
from db.models.operations import OutboxEntry, SemanticCacheEntry, SettingsVersion, Task, WorkerBeat

__all__ = [
    "ApiKey",
    "AuditLog",
    "Chat",
    "Collection",
    "DeletionReceipt",
    "Document",
    "DocumentChunk",
    "DocumentVersion",
    "FederatedIdentity",
    "Feedback",
    "Grant",
    "Group",
    "GroupMember",
    "IndexedVersion",
    "KeptVectors",
    "MaintenanceReport",
    "Message",
    "Organization",
    "OutboxEntry",
    "SearchIndex",
    "SemanticCacheEntry",
    "Session",
    "SettingsVersion",
    "SignInLink",
    "Task",
    "TermStatistic",
    "User",
    "VersionBand",
    "VersionPeriod",
    "WorkerBeat",
]
