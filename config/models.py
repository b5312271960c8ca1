"""What can be set?"""

from __future__ import annotations

from pydantic import Field

from config.infrastructure import (
    AdminSettings,
    AppSettings,
    ChatSettings,
    DatabaseSettings,
    MaintenanceSettings,
    ObservabilitySettings,
    QueueSettings,
    RedisSettings,
    StorageSettings,
    VectorDBSettings,
)
from config.notifications import NotificationRule, NotificationSettings
from config.plugins import KINDS, PluginEntry, PluginSettings, Routing, VectorDatabases
from config.product import (
    AnswersSettings,
    AuthSettings,
    CachingSettings,
    FeatureFlags,
    GenerationSettings,
    IngestionSettings,
    RateLimitingSettings,
    RetrievalSettings,
)
from config.section import LATER, Section

MIN_JWT_SECRET = 32


class Settings(Section):
    """All settings; made by ``config.loader.load_settings``."""

    app: AppSettings = AppSettings()
    storage: StorageSettings = StorageSettings()
    maintenance: MaintenanceSettings = MaintenanceSettings()
    chat: ChatSettings = ChatSettings()
    admin: AdminSettings = AdminSettings()
    database: DatabaseSettings = DatabaseSettings()
    vector_db: VectorDBSettings = VectorDBSettings()
    redis: RedisSettings = RedisSettings()
    queue: QueueSettings = QueueSettings()
    auth: AuthSettings = AuthSettings()
    rate_limiting: RateLimitingSettings = RateLimitingSettings()
    caching: CachingSettings = Field(CachingSettings(), json_schema_extra=LATER)
    observability: ObservabilitySettings = ObservabilitySettings()
    plugins: PluginSettings = Field(default_factory=PluginSettings)
    feature_flags: FeatureFlags = FeatureFlags()
    ingestion: IngestionSettings = IngestionSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    generation: GenerationSettings = GenerationSettings()
    answers: AnswersSettings = AnswersSettings()
    notifications: NotificationSettings = NotificationSettings()

    @property
    def primary_vector_db(self) -> str:
        """Name of the vector store entry in use."""
        return self.plugins.vector_databases.primary or self.vector_db.provider


__all__ = [
    "KINDS",
    "MIN_JWT_SECRET",
    "AdminSettings",
    "AnswersSettings",
    "AppSettings",
    "AuthSettings",
    "CachingSettings",
    "ChatSettings",
    "DatabaseSettings",
    "FeatureFlags",
    "GenerationSettings",
    "IngestionSettings",
    "MaintenanceSettings",
    "NotificationRule",
    "NotificationSettings",
    "ObservabilitySettings",
    "PluginEntry",
    "PluginSettings",
    "QueueSettings",
    "RateLimitingSettings",
    "RedisSettings",
    "RetrievalSettings",
    "Routing",
    "Settings",
    "StorageSettings",
    "VectorDBSettings",
    "VectorDatabases",
]
