"""What the HTTP service keeps: API keys, replies to repeated requests, the audit log."""
