"""What documents there are, what a citation opens, and which versions each has.

Folders that are kept in step live here too, since they speak of documents by name. Others call ``DocumentService``,
``VersionService`` and ``FolderSync``.
"""
