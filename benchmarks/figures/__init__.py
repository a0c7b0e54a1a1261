"""Makes the documents' pictures, and measures what V keeps of a frame."""
