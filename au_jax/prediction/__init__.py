"""Pictures and videos in, faces and their action units out."""
