"""How the installation is, and what only its operator sees and does.

Health of every part, organisations and upkeep, and the watch over a blocked event loop. Others call ``HealthService``,
``TenantService`` and ``Watchdog``.
"""
