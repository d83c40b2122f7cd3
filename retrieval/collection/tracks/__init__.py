"""Faces followed through the frames of a video or a camera: one track per person and stay."""
