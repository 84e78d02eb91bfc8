"""The wall: the struct that the page receives, how each part of it is made, and the stream that sends it."""
