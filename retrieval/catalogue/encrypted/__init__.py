"""How vectors lie in the database, encrypted or not."""
