"""The networks of the paper (section 2), one file each, free-standing."""
