"""Identities of boxes: the authority that signs them, one-time codes, certificates, revocation."""
