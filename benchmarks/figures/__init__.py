"""The pictures in the documents, and what V keeps of a frame."""
