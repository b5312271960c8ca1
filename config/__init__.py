"""What has been decided in YAML and environment, and where?"""
