"""From a photo to aligned chips: detection, quality, alignment."""
