"""Results for people: overlays, a live preview, timelines, a report page."""
