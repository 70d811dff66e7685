"""What a stream is: what its Live Activities must be told."""
