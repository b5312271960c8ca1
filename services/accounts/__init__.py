"""Who is calling, and who belongs to the organisation.

Here people are added, sign in by password, link or another service, and their requests are counted. Others call
``AccountService``, ``FederationService`` and ``LimitService``.
"""
